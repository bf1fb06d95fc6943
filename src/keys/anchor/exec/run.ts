/**
 * One run of an anchor's program: a header and a secret go in by its standard input, one line
 * comes out. Nothing secret is in its arguments or environment.
 *
 * docs/anchors.md#the-protocol
 */
import { spawn } from 'node:child_process';
import { basename, resolve } from 'node:path';
import { concat, utf8, wipe } from '../../../bytes.ts';
import { StrongroomError } from '../../../errors.ts';
import { encodeJson } from '../../../json.ts';
import type { Card } from '../../card.ts';
import { base64Decode, base64Lines } from '../../secret-text.ts';

export interface ExecOptions {
  /** Path of the program, which is run without a shell and without arguments. */
  readonly program: string;
  /** How long it may take, a minute by default: it may have to ask a person. */
  readonly timeoutMilliseconds?: number;
  /** What its standard error is: shown by default. */
  readonly stderr?: 'inherit' | 'ignore';
}

export type Operation = 'wrap' | 'unwrap';

const usualTimeout = 60_000;

/** Of the answer, a line of base64: more than the longest wrapped key takes. */
const maxAnswerBytes = 8192;

/** The status by which the program says that its key does not open what it was given. */
const refusedStatus = 3;

/**
 * Runs the program.
 * @returns what it answered; the caller wipes it.
 * @throws StrongroomError `ANCHOR_UNAVAILABLE`, or `ANCHOR_REFUSED` if the program says so.
 */
export async function runProgram(
  options: ExecOptions,
  operation: Operation,
  card: Card,
  payload: Uint8Array,
): Promise<Uint8Array> {
  const header = encodeJson({
    fingerprint: card.fingerprint,
    name: card.name,
    operation,
    type: 'strongroom/anchor',
    version: 1,
  });
  const digits = oneLine(payload);
  const input = concat(header, newline, digits, newline);
  wipe(digits);
  try {
    const answer = await exchange(options, input);
    try {
      const end = answer.at(-1) === 0x0a ? -1 : answer.length;
      const line = answer.subarray(0, end);
      const decoded = line.includes(0x0a) ? undefined : base64Decode(line);
      if (decoded !== undefined && decoded.length > 0) return decoded;
      throw failed(options, 'did not answer with one line of base64');
    } finally {
      wipe(answer);
    }
  } finally {
    wipe(input);
  }
}

function exchange(options: ExecOptions, input: Uint8Array): Promise<Uint8Array> {
  const { program, timeoutMilliseconds = usualTimeout, stderr = 'inherit' } = options;
  return new Promise((done, fail) => {
    const child = spawn(resolve(program), [], { stdio: ['pipe', 'pipe', stderr] });
    const parts: Buffer[] = [];
    let length = 0;
    let fault: StrongroomError | undefined;
    const stop = (why: string) => {
      fault ??= failed(options, why);
      child.kill('SIGKILL');
      // What it started may hold the pipe open; nobody waits for that
      child.stdout.destroy();
    };
    const timer = setTimeout(
      () => stop(`did not answer within ${timeoutMilliseconds / 1000} seconds`),
      timeoutMilliseconds,
    );
    child.stdout.on('data', (part: Buffer) => {
      parts.push(part);
      length += part.length;
      if (length > maxAnswerBytes) stop(`answered more than ${maxAnswerBytes} bytes`);
    });
    // A program that does not read to the end is judged by what it answers
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.on('error', (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      const why = startFailures[cause.code ?? ''] ?? 'could not be run';
      fail(failed(options, why, cause));
    });
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      const answer = concat(...parts);
      wipe(...parts);
      if (fault === undefined && status === 0) return done(answer);
      wipe(answer);
      fail(fault ?? ended(options, status, signal));
    });
  });
}

const startFailures: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  EACCES: 'is not executable',
};

function ended(options: ExecOptions, status: number | null, signal: string | null) {
  if (status === refusedStatus) {
    return new StrongroomError(
      'ANCHOR_REFUSED',
      `${options.program}: the program refused: its key does not fit this identity`,
    );
  }
  return failed(
    options,
    status === null ? `was ended by ${signal}` : `ended with status ${status}`,
  );
}

const failed = ({ program }: ExecOptions, why: string, cause?: unknown) =>
  new StrongroomError('ANCHOR_UNAVAILABLE', `${program}: the program ${why}`, { cause });

/** Base64 without the line breaks of PEM. */
function oneLine(bytes: Uint8Array): Uint8Array {
  const lines = base64Lines(bytes);
  const digits = lines.filter((digit) => digit !== 0x0a);
  wipe(lines);
  return digits;
}

const newline = utf8('\n');

/** How the program is called in a file: not how it is found. */
export const programName = ({ program }: ExecOptions): string => basename(resolve(program));
