/** The gateway before an object store: what passes is survived, what has changed is told. */
import { readFileSync } from 'node:fs';
import { beforeEach, expect, it } from 'vitest';
import { type Gateway, serve } from '#strongroom/index.js';
import { makeArchive, noise, people, segmentBytes, sharedWorkspace } from '../support/archive.ts';
import { failsWith, type StoreFault, serveStore } from '../support/store.ts';

const who = people();
const root = sharedWorkspace();
const store = await serveStore();
const big = Buffer.from(noise(300 * segmentBytes + 5));
const path = await makeArchive(root, { who, files: { 'big.bin': big } });
const key = '/models/weights.srm';
const failures: string[] = [];

beforeEach(() => {
  store.fault = () => undefined;
  store.objects.set(key, { bytes: readFileSync(path), etag: '"one"' });
  failures.length = 0;
});

async function served(use: (fetched: () => Promise<Response>) => Promise<void>): Promise<void> {
  const gateway: Gateway = await serve(['s3://models/weights.srm'], {
    identity: who.reader,
    trust: who.trust,
    threads: 2,
    onFailure: (error) => failures.push((error as { code: string }).code),
  });
  const headers = { authorization: `Bearer ${gateway.credentials.token}` };
  try {
    await use(() => fetch(`${gateway.url}/weights/big.bin`, { headers }));
  } finally {
    await gateway.close(0);
  }
}

const reset: StoreFault = {
  when: 'before',
  answer: (response) => void response.socket?.resetAndDestroy(),
};

it.each([
  ['a busy store', { when: 'before', answer: failsWith(503) }],
  ['connections that are reset', reset],
] as const)('survives %s', async (_, fault) => {
  await served(async (fetched) => {
    let count = 0;
    store.fault = ({ operation }) => (operation === 'get' && count++ % 2 === 0 ? fault : undefined);
    const response = await fetched();
    expect(Buffer.from(await response.arrayBuffer()).equals(big)).toBe(true);
    expect(count).toBeGreaterThan(2);
    expect(failures).toEqual([]);
  });
});

it('tells of an object that has changed', async () => {
  await served(async (fetched) => {
    store.objects.set(key, { bytes: readFileSync(path), etag: '"two"' });
    // What was there before the change may come, and then the end
    const all = fetched().then(async (response) =>
      response.ok ? response.arrayBuffer() : Promise.reject(new Error(String(response.status))),
    );
    await expect(all).rejects.toThrow();
    expect(failures).toEqual(['SOURCE_CHANGED']);
  });
});
