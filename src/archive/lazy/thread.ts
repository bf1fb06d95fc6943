/**
 * A lane in a thread of its own. Plaintext goes into shared memory; only numbers cross. This
 * module starts itself: imported it starts threads, and as a thread it is one.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fromThread, type ThreadError, toThread } from '../../engine/threads.ts';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import { type Lane, type LaneJob, openLane } from './lane.ts';

/** Names this module's threads, among others that import it. */
const role = 'strongroom/lane';

interface ThreadData {
  readonly role: typeof role;
  readonly job: LaneJob;
}

/** Reads segment `index` into shared memory, says when it can, or ends. */
type Order =
  | { readonly id: number; readonly index: number; readonly into: Uint8Array }
  | { readonly id: number; readonly ready: true }
  | { readonly id: number; readonly close: true };

type Answer =
  | { readonly id: number; readonly bytes: number }
  | { readonly id: number; readonly error: ThreadError };

const here = new URL(import.meta.url);

/** Starts a thread; what it fails at when it begins is told by every read. */
export function startLane(job: LaneJob): Lane {
  const worker = new Worker(here, { workerData: { role, job } satisfies ThreadData });
  const waiting = new Map<
    number,
    { resolve: (bytes: number) => void; reject: (error: StrongroomError) => void }
  >();
  let ended: StrongroomError | undefined;
  const end = (error: StrongroomError) => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  worker.on('message', (answer: Answer) => {
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('error' in answer) asked?.reject(fromThread(answer.error));
    else asked?.resolve(answer.bytes);
  });
  worker.on('error', (error) => end(asStrongroomError(error)));
  worker.on('exit', () => end(new StrongroomError('INTERNAL', 'a thread has ended')));
  // It lives for as long as something is asked of it, and keeps no process from ending
  worker.unref();
  let nextId = 0;
  const ask = (order: (id: number) => Order) =>
    new Promise<number>((resolve, reject) => {
      if (ended !== undefined) return reject(ended);
      const id = nextId++;
      waiting.set(id, { resolve, reject });
      worker.postMessage(order(id));
    });
  const whileAsked = (order: (id: number) => Order) => {
    worker.ref();
    return ask(order).finally(() => {
      if (waiting.size === 0) worker.unref();
    });
  };
  return {
    async ready() {
      await whileAsked((id) => ({ id, ready: true }));
    },
    read: (index, into) => whileAsked((id) => ({ id, index, into })),
    async close() {
      worker.ref();
      await ask((id) => ({ id, close: true })).catch(() => {});
      await worker.terminate();
    },
  };
}

async function serve(job: LaneJob): Promise<void> {
  const port = parentPort;
  if (port === null) return;
  // Opened at once: the first segment that is asked for finds everything ready
  const closed = new AbortController();
  const opening = openLane(job, closed.signal);
  opening.catch(() => {});
  port.on('message', async (order: Order) => {
    if ('close' in order) closed.abort();
    try {
      const lane = await opening;
      port.postMessage({ id: order.id, bytes: await obey(lane, order) } satisfies Answer);
    } catch (thrown) {
      port.postMessage({ id: order.id, error: toThread(thrown) } satisfies Answer);
    }
  });
}

async function obey(lane: Lane, order: Order): Promise<number> {
  if ('index' in order) return lane.read(order.index, order.into);
  await ('close' in order ? lane.close() : lane.ready());
  return 0;
}

if (!isMainThread && (workerData as Partial<ThreadData> | null)?.role === role) {
  await serve((workerData as ThreadData).job);
}
