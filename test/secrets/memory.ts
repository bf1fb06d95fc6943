/** What a process has in its memory: every readable and writable mapping, by /proc (Linux). */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { resolve } from 'node:path';

/** Something that must not be found, in the spellings in which it could lie around. */
export interface Secret {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Half of a key is a find as well: copies are overwritten in part. */
const leastBytes = 16;

/** Base64 of `bytes` wherever they stand in what was encoded: without the digits at the ends. */
const base64Spellings = (bytes: Buffer): string[] =>
  [0, 1, 2].map((before) => {
    const digits = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    return digits.slice(before === 0 ? 0 : before + 1, 4 * Math.floor((before + bytes.length) / 3));
  });

/** What is looked for, by how it is spelled; V8 keeps such text in one byte a character. */
export function spellingsOf({ bytes: secret }: Secret): readonly [string, Buffer][] {
  const bytes = Buffer.from(secret);
  const texts = [bytes.toString('hex'), ...base64Spellings(bytes)];
  const halves: [string, Buffer][] = [
    ['first half', bytes.subarray(0, leastBytes)],
    ['last half', bytes.subarray(-leastBytes)],
  ];
  return [...halves, ...texts.map((text): [string, Buffer] => ['text', Buffer.from(text)])];
}

/** The secrets that `bytes` hold, each with how it was spelled. */
export function secretsIn(bytes: Buffer, secrets: readonly Secret[]): string[] {
  const found = new Set<string>();
  for (const secret of secrets) {
    for (const [spelling, wanted] of spellingsOf(secret)) {
      if (holds(bytes, wanted)) found.add(`${secret.name} (${spelling})`);
    }
  }
  return [...found];
}

/**
 * How the PKCS #8 of ML-KEM and ML-DSA ends before the seed. OpenSSL takes such keys in no other
 * way, and frees what it has decoded without wiping it: the one kind of copy that is left.
 */
const beforeSeed = ['04228020', '04428040'].map((digits) => Buffer.from(digits, 'hex'));

function holds(bytes: Buffer, wanted: Buffer): boolean {
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) {
    // The second half of a seed stands further behind
    const before = [4, 4 + 16, 4 + 32, 4 + 48].map((back) =>
      bytes.subarray(Math.max(0, at - back), Math.max(0, at - back + 4)),
    );
    if (!beforeSeed.some((tail) => before.some((found) => found.equals(tail)))) return true;
  }
  return false;
}

const chunkBytes = 2 ** 20;
/** Longer than any spelling of any secret: parts of mappings overlap by so much. */
const overlap = 1024;

/** The same of the memory of a process, which must not run meanwhile. */
export function secretsInProcess(pid: number, secrets: readonly Secret[]): string[] {
  const found = new Set<string>();
  const fd = openSync(`/proc/${pid}/mem`, 'r');
  const buffer = Buffer.alloc(chunkBytes + overlap);
  const zeros = Buffer.alloc(buffer.length);
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      if (from === undefined || to === undefined || line.endsWith('[vvar]')) continue;
      const end = Number.parseInt(to, 16);
      for (let at = Number.parseInt(from, 16); at < end; at += chunkBytes) {
        const length = readSync(fd, buffer, 0, Math.min(buffer.length, end - at), at);
        const part = buffer.subarray(0, length);
        // Most of what is mapped was never written to
        if (part.equals(zeros.subarray(0, length))) continue;
        for (const each of secretsIn(part, secrets)) found.add(each);
      }
    }
    return [...found].sort();
  } finally {
    closeSync(fd);
  }
}

export interface Held {
  readonly status: number | null;
  readonly stderr: string;
  readonly stdout: Buffer;
}

export interface HeldSettings {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called when the process has been started. */
  readonly during?: (pid: number) => Promise<void>;
  /** Called when it has finished and is still there. */
  readonly atEnd: (pid: number) => unknown;
}

const hold = resolve('test/secrets/hold.mjs');

/** Runs a program of Node's and stops it at its very end. */
export function held(args: readonly string[], settings: HeldSettings): Promise<Held> {
  const { cwd, env, during, atEnd } = settings;
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, ['--expose-gc', '--import', hold, ...args], {
      cwd,
      env: { ...process.env, STRONGROOM_STATE_DIR: `${cwd}/.state`, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on('data', (part) => out.push(part));
    child.stderr?.on('data', (part) => err.push(part));
    child.on('error', fail);
    child.stdio[3]?.once('data', async () => {
      try {
        await atEnd(child.pid as number);
      } catch (error) {
        fail(error);
      } finally {
        (child.stdio[4] as NodeJS.WritableStream).write('g');
      }
    });
    during?.(child.pid as number).catch((error) => {
      child.kill('SIGKILL');
      fail(error);
    });
    child.on('close', (status) =>
      done({ status, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }),
    );
  });
}
