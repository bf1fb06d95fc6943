/** Runs operations on standard input and output in another process. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { afterAll } from 'vitest';
import { encodeCard, encodeIdentity, type Identity } from '#strongroom/index.js';
import type { Card } from '#strongroom/keys/card.js';

const script = new URL('piped.mjs', import.meta.url);

export interface PipedJob {
  readonly operation: 'open' | 'seal';
  readonly path: string;
  readonly identity: Identity;
  readonly trust?: readonly Card[];
  readonly recipients?: readonly Card[];
  /** Passed on as they are. */
  readonly options: Readonly<Record<string, unknown>>;
  /** What to read and write as standard input and output. */
  readonly input?: string;
  readonly output?: string;
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const cards = (list: readonly Card[] = []) => list.map((card) => base64(encodeCard(card)));

/** A process for the tests of one file; `run` gives the code of the refusal, or `accepted`. */
export function pipedProcess() {
  let child: ChildProcess | undefined;
  afterAll(() => {
    child?.kill();
  });
  return async function run(job: PipedJob): Promise<string> {
    child ??= fork(script, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
    child.send({
      ...job,
      identity: base64(encodeIdentity(job.identity, 'none')),
      trust: cards(job.trust),
      recipients: cards(job.recipients),
    });
    const [{ outcome }] = (await once(child, 'message')) as [{ outcome: string }];
    return outcome;
  };
}
