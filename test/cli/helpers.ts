/** Runs the command as users do: a process of its own, in a directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect } from 'vitest';

export const bin = resolve('bin/strongroom.js');

export interface Outcome {
  /** As a shell sees it: 128 and the signal's number if one ended it. */
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

interface Settings {
  readonly cwd: string;
  readonly input?: Uint8Array | string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with the process once it runs. */
  readonly during?: (child: ChildProcess) => unknown;
}

/** A shell script, in which `strongroom` is the build. */
export const shell = (script: string, settings: Settings) =>
  start('bash', ['-o', 'pipefail', '-c', script], settings);

export const strongroom = (args: readonly string[], settings: Settings) =>
  start(process.execPath, [bin, ...args], settings);

/** A terminal that knows colour, whatever the one is that runs the tests. */
const terminal = { TERM: 'xterm', CI: undefined, NO_COLOR: undefined, FORCE_COLOR: undefined };

function start(
  program: string,
  args: readonly string[],
  { cwd, input, env, during }: Settings,
): Promise<Outcome> {
  return new Promise((done, fail) => {
    const state = { STRONGROOM_STATE_DIR: join(cwd, '.state') };
    const own = { ...terminal, node: process.execPath, strongroom: bin, ...state, ...env };
    const child = spawn(program, args, { cwd, env: { ...process.env, ...own } });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (part) => out.push(part));
    child.stderr.on('data', (part) => err.push(part));
    child.stdin.on('error', () => {});
    if (input !== undefined || during === undefined) child.stdin.end(input);
    child.on('error', fail);
    child.on('close', (code, signal) =>
      done({
        status: code ?? 128 + constants.signals[signal ?? 'SIGKILL'],
        stdout: Buffer.concat(out),
        stderr: Buffer.concat(err).toString(),
      }),
    );
    during?.(child);
  });
}

/** A directory that goes with the tests of the file. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-cli-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Keys of two labs, a stranger and another suite, without passphrases, and some weights. */
export async function world(cwd: string): Promise<void> {
  const keygen = (name: string, ...more: string[]) =>
    strongroom(['keygen', '--name', name, '--plain', '-o', `${name}.key`, ...more], { cwd });
  const made = await Promise.all([
    keygen('lab'),
    keygen('partner'),
    keygen('stranger'),
    keygen('navy', '--suite', 'cnsa2'),
  ]);
  for (const { status, stderr } of made) expect(status, stderr).toBe(0);
  await shell('mkdir -p w/sub && printf "hello\\n" > w/a.txt && printf "{}" > w/sub/c.json', {
    cwd,
  });
  // Not zero anywhere near the start: a terminal must see at once that it is binary
  writeFileSync(join(cwd, 'w', 'b.bin'), Buffer.alloc(100_000, Uint8Array.of(0x1b, 0x5b, 0x01)));
}

export const sealing = ['-r', 'partner.key.card', '--sign', 'lab.key'] as const;
export const opening = ['-i', 'partner.key', '--signer', 'lab.key.card'] as const;

/** Every refusal: the status, the words, a hint in style, no stack, nothing on stdout. */
export function expectRefusal({ status, stdout, stderr }: Outcome, wanted: number, words: RegExp) {
  expect(stderr).toMatch(words);
  expect({ status, stdout: stdout.toString() }).toEqual({ status: wanted, stdout: '' });
  for (const line of stderr.trimEnd().split('\n')) {
    expect(line).toMatch(/^(error|warning|hint): (PEM|[^A-Z]).*[^.]$/);
  }
  expect(stderr).not.toMatch(/\n {4}at |node:internal/);
}

/** Whether an interrupted or failed command left something behind. */
export const leftovers = (directory: string): string[] =>
  readdirSync(directory).filter((name) => name.endsWith('.partial'));
