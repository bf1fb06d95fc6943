/** The queue of a plan, against a real Redis: `STRONGROOM_REDIS=1`, with redis-server on the path. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  finishQueued,
  isStrongroomError,
  type RangeReport,
  submitPlan,
  workQueue,
} from '#strongroom/index.js';
import { workspace } from '../../support/archive.ts';
import { cast, expectSame, planned, work } from '../../support/plans.ts';

const { author, first, second, outsider, trust } = cast.hybrid;

let server: ChildProcess;
let queue: string;

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

async function answers(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch {
      await wait(50);
    } finally {
      socket.destroy();
    }
  }
}

describe.runIf(process.env.STRONGROOM_REDIS === '1')('the queue of a plan', () => {
  beforeAll(async () => {
    const port = await freePort();
    queue = `redis://127.0.0.1:${port}`;
    server = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', ''], {
      stdio: 'ignore',
    });
    await answers(port);
  });
  afterAll(() => server.kill());

  const taking = (identity = first, more = {}) => ({
    identity,
    trust,
    queue,
    threads: 2,
    drain: true,
    ...more,
  });

  it('is worked off, and finished', async () => {
    const { plan, output } = await planned();
    expect(await submitPlan(plan, { queue, trust })).toMatchObject({ queued: 3, done: 0 });
    const ending = finishQueued(plan, { queue, identity: author, threads: 2 });
    const [one, two] = await Promise.all([
      workQueue(plan, taking(first)),
      workQueue(plan, taking(second)),
    ]);
    expect(one.done + two.done).toBe(3);
    expect(await ending).toMatchObject({ state: 'finished', superseded: 0 });
    await expectSame(output);
  });

  it('holds a lock that is shorter than a range takes, since threads do the work', async () => {
    const { plan, report } = await planned({ ranges: 1 });
    await submitPlan(plan, { queue, trust });
    const name = `strongroom-${report.id.slice(0, 32)}`;
    const connection = { url: queue, maxRetriesPerRequest: null };
    const events = new QueueEvents(name, { connection });
    await events.waitUntilReady();
    const stalled: string[] = [];
    events.on('stalled', ({ jobId }) => stalled.push(jobId));
    const told: RangeReport[] = [];
    const onRange = (done: RangeReport) => told.push(done);
    await workQueue(plan, taking(first, { lockMs: 200, onRange }));
    const jobs = new Queue(name, { connection });
    const job = await jobs.getJob('range-0');
    expect(stalled).toEqual([]);
    expect(job).toMatchObject({ attemptsStarted: 1, stalledCounter: 0 });
    expect(told).toMatchObject([{ index: 0, state: 'done' }]);
    await Promise.all([events.close(), jobs.close()]);
  });

  it('is told of what is done otherwise', async () => {
    const { plan } = await planned();
    await work(plan, 1);
    expect(await submitPlan(plan, { queue, trust })).toMatchObject({ queued: 2, done: 1 });
    await work(plan, 2);
    expect(await workQueue(plan, taking())).toMatchObject({ done: 1, already: 1 });
  });

  it('names no plan and no file to anybody', async () => {
    const { plan, report } = await planned();
    await submitPlan(plan, { queue, trust });
    const name = `strongroom-${report.id.slice(0, 32)}`;
    const jobs = new Queue(name, { connection: { url: queue } });
    const waiting = await jobs.getJobs();
    expect(waiting.map(({ data }) => data)).toEqual(
      expect.arrayContaining([{ index: 0 }, { index: 1 }, { index: 2 }]),
    );
    // A job of somebody else's is refused for good, and the others are done
    await jobs.add('range', { index: 0, plan: '/etc/passwd' }, { attempts: 3 });
    const notices: string[] = [];
    const found = await workQueue(
      plan,
      taking(first, { onNotice: (m: string) => notices.push(m) }),
    );
    expect(found).toMatchObject({ done: 3, failed: 1 });
    expect(notices).toEqual(['a job of the queue is not ours']);
    await jobs.close();
  });

  it('keeps of what failed its code, and no word of where', async () => {
    const { plan, report } = await planned();
    await submitPlan(plan, { queue, trust, attempts: 2 });
    const elsewhere = workspace();
    const notices: string[] = [];
    const onNotice = (message: string) => notices.push(message);
    await workQueue(plan, taking(first, { source: elsewhere, onNotice }));
    expect(notices).toEqual(expect.arrayContaining([expect.stringContaining(elsewhere)]));
    const redis = new Redis(queue);
    const kept: string[] = [];
    for (const key of await redis.keys(`*${report.id.slice(0, 32)}*`)) {
      const type = await redis.type(key);
      if (type === 'hash') kept.push(JSON.stringify(await redis.hgetall(key)));
      if (type === 'stream') kept.push(JSON.stringify(await redis.xrange(key, '-', '+')));
    }
    redis.disconnect();
    const all = kept.join('\n');
    expect(all).toContain('SOURCE_CHANGED');
    for (const place of [elsewhere, 'safetensors', process.cwd(), '.js:']) {
      expect(all).not.toContain(place);
    }
  });

  it('hands a range back when its worker is told to stop', async () => {
    const { plan } = await planned();
    await submitPlan(plan, { queue, trust });
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    const worked = workQueue(plan, taking(first, { signal: stop.signal }));
    setTimeout(onProgress, 300);
    const ended = await worked.catch((error: unknown) => error);
    expect(isStrongroomError(ended, 'INTERRUPTED')).toBe(true);
    await workQueue(plan, taking(second));
    expect(await submitPlan(plan, { queue, trust })).toMatchObject({ done: 3 });
  });

  it.each([
    ['a worker whom the plan does not name', 'NOT_A_WORKER', () => taking(outsider)],
    ['an address of another kind', 'USAGE', () => taking(first, { queue: 'http://127.0.0.1' })],
  ])('refuses %s', async (_, code, options) => {
    const { plan } = await planned();
    await expect(workQueue(plan, options())).rejects.toMatchObject({ code });
  });

  it('that is not there, or was lost, is told', async () => {
    const { plan } = await planned();
    const nowhere = `redis://127.0.0.1:${await freePort()}`;
    const submitted = submitPlan(plan, { queue: nowhere, trust });
    await expect(submitted).rejects.toMatchObject({ code: 'QUEUE_FAILED' });
    const finished = finishQueued(plan, { queue, identity: author });
    await expect(finished).rejects.toMatchObject({ code: 'QUEUE_LOST' });
  });
});
