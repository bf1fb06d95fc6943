/** Where a queue is; an address with a password is never an argument. */
import type { Command } from 'commander';
import { asStrongroomError, StrongroomError } from '../../errors.ts';

export interface QueueOptions {
  readonly queue?: string;
  readonly queueFile?: string;
}

export const queueOptions = (command: Command): Command =>
  command
    .option('--queue <ADDRESS>', 'the queue: redis://HOST:PORT, or rediss:// with TLS')
    .option('--queue-file <FILE>', 'read the address from a file, for one with a password');

/**
 * The address that the options name, if they name one.
 * @throws StrongroomError USAGE where a password would be seen by others.
 */
export async function queueOf({ queue, queueFile }: QueueOptions): Promise<string | undefined> {
  if (queue !== undefined && queueFile !== undefined) {
    throw new StrongroomError('USAGE', '--queue and --queue-file do not go together');
  }
  if (queue !== undefined && URL.canParse(queue) && new URL(queue).password !== '') {
    throw new StrongroomError('USAGE', '--queue: others on this machine could read its password', {
      hint: 'put the address into a file, and give that: --queue-file FILE',
    });
  }
  return queueFile === undefined ? queue : readAddress(queueFile);
}

const longestAddress = 4096;

async function readAddress(path: string): Promise<string> {
  const { readSmallFile } = await import('../../index.ts');
  try {
    return Buffer.from(await readSmallFile(path, longestAddress))
      .toString()
      .trim();
  } catch (error) {
    throw asStrongroomError(error, path);
  }
}

/** @throws StrongroomError USAGE where none is named. */
export async function needQueue(options: QueueOptions): Promise<string> {
  const queue = await queueOf(options);
  if (queue !== undefined) return queue;
  throw new StrongroomError('USAGE', 'no queue is named', {
    hint: 'give its address: --queue redis://HOST:PORT, or --queue-file FILE',
  });
}
