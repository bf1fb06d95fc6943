/** Passphrases: from a file, a descriptor, or a prompt on a terminal. */
import { openSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { StrongroomError } from '../errors.ts';
import { printable } from '../text.ts';

/** How the secret of an identity is reached; a PIN comes the same ways as a passphrase. */
export interface PassphraseOptions {
  readonly passphraseFile?: string;
  readonly passphraseFd?: number;
  /** As `anchorOf` reads it. */
  readonly anchor?: string;
}

interface Question extends PassphraseOptions {
  /** Asked on a terminal. */
  readonly message: string;
  /** Asked again, for a new passphrase. */
  readonly again?: string;
  /** Whether standard input holds data, so that the terminal is asked by its name. */
  readonly stdinIsData?: boolean;
  /** Ends a prompt that waits. */
  readonly signal?: AbortSignal;
}

/** The passphrase as the options tell, or from the terminal; the caller wipes it. */
export async function askPassphrase(question: Question): Promise<Uint8Array> {
  const { passphraseFile, passphraseFd, stdinIsData = false } = question;
  const library = await import('../index.ts');
  if (passphraseFile !== undefined) return library.passphraseFromFile(passphraseFile);
  if (passphraseFd === undefined) return library.normalizePassphrase(await prompt(question));
  if (passphraseFd === 0 && stdinIsData) {
    throw new StrongroomError('USAGE', 'standard input cannot hold both data and a passphrase', {
      hint: 'give the passphrase by another descriptor, or with --passphrase-file',
    });
  }
  return library.passphraseFromFd(passphraseFd);
}

async function prompt({
  message,
  again,
  stdinIsData = false,
  signal,
}: Question): Promise<Uint8Array> {
  const input = process.stderr.isTTY ? terminal(stdinIsData) : undefined;
  if (input === undefined) {
    throw new StrongroomError(
      'PASSPHRASE_NEEDED',
      'a passphrase is needed, and there is no terminal to ask on',
    );
  }
  const { isCancel, password } = await import('@clack/prompts');
  const ask = async (
    text: string,
    validate: (answer: string | undefined) => string | undefined,
  ) => {
    const answer = await password({
      message: printable(text),
      input,
      output: process.stderr,
      withGuide: false,
      // Nobody sees what stands there: what is typed after a refusal would be added to it
      clearOnError: true,
      ...(signal === undefined ? {} : { signal }),
      validate,
    });
    if (isCancel(answer)) throw new StrongroomError('INTERRUPTED', 'interrupted');
    return answer;
  };
  try {
    // The prompt gives a string, which cannot be wiped: it stays until it is collected
    const first = await ask(message, (answer) => (answer ? undefined : 'it is empty'));
    if (again !== undefined) {
      await ask(again, (answer) =>
        answer === first
          ? undefined
          : 'it differs from the first one: type it again, or begin anew after Ctrl-C',
      );
    }
    return Buffer.from(first);
  } finally {
    if (input !== process.stdin) input.destroy();
  }
}

/** Where a person types: standard input, or the terminal behind it when that holds data. */
function terminal(stdinIsData: boolean): ReadStream | typeof process.stdin | undefined {
  if (!stdinIsData) return process.stdin.isTTY ? process.stdin : undefined;
  try {
    return new ReadStream(openSync('/dev/tty', 'r+'));
  } catch {
    return undefined;
  }
}
