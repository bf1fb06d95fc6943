/** Archives into an object store and out of it, on bad days. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { inspect, isStrongroomError, open, rekey, seal, verify } from '#strongroom/index.js';
import {
  noise,
  outcome,
  people,
  readFiles,
  sharedWorkspace,
  workspace,
  writeFiles,
} from '../support/archive.ts';
import { type Asked, failsWith, type StoreFault, serveStore } from '../support/store.ts';

const who = people();
const root = sharedWorkspace();
const state = join(root, 'state');
process.env.STRONGROOM_STATE_DIR = state;
const store = await serveStore();
const big = writeFiles(join(root, 'big'), { weights: noise(40 * 2 ** 20), 'config.json': '{}' });
const small = writeFiles(join(root, 'small'), { weights: noise(5000) });
const access = { identity: who.reader, trust: who.trust };

const notices: string[] = [];
const sealing = (output: string, more = {}) => ({
  output,
  recipients: [who.reader.card],
  signer: who.author,
  threads: 2,
  onNotice: (message: string) => void notices.push(message),
  ...more,
});

beforeEach(() => {
  store.fault = () => undefined;
  store.asked.length = 0;
  notices.length = 0;
});

/** A fault for the first few requests of one kind. */
function once(operation: Asked['operation'], fault: StoreFault, times = 1) {
  let left = times;
  store.fault = (asked) => (asked.operation === operation && left-- > 0 ? fault : undefined);
}

const reset: StoreFault = {
  when: 'before',
  answer: (response) => void response.socket?.resetAndDestroy(),
};

async function expectSame(address: string, source: string) {
  const output = join(workspace(), 'out');
  await open(address, { ...access, output, threads: 2 });
  expect(readFiles(output)).toEqual(readFiles(source));
}

const nothingLeft = () => {
  expect([...store.uploads]).toEqual([]);
  expect(readdirSync(join(state, 'uploads'))).toEqual([]);
};

describe('a store', () => {
  it('gets a small archive in one request, on the condition that nothing has the name', async () => {
    await seal(small, sealing('s3://models/small.srm'));
    expect(store.asked.find(({ operation }) => operation === 'put')?.headers).toMatchObject({
      'if-none-match': '*',
    });
    await expectSame('s3://models/small.srm', small);
    nothingLeft();
  });

  it('gets a long one in parts of whole segments', async () => {
    const sealed = await seal(big, sealing('s3://models/big.srm'));
    const parts = store.asked.filter(({ operation }) => operation === 'part');
    expect(parts.length).toBe(3);
    expect(store.objects.get('/models/big.srm')?.bytes.length).toBe(sealed.archiveBytes);
    await expectSame('s3://models/big.srm', big);
    nothingLeft();
  });

  it('never loses an object to another, unless that is asked for', async () => {
    const output = 's3://models/taken.srm';
    const first = await seal(small, sealing(output));
    expect(await outcome(() => seal(small, sealing(output)))).toBe('OUTPUT_EXISTS');
    // Someone else takes the name while this one seals: only the condition tells
    const taken = 's3://models/raced.srm';
    store.fault = ({ operation }) => {
      if (operation !== 'part') return undefined;
      store.objects.set('/models/raced.srm', { bytes: Buffer.from('theirs'), etag: '"theirs"' });
      return undefined;
    };
    expect(await outcome(() => seal(big, sealing(taken)))).toBe('OUTPUT_EXISTS');
    expect(store.objects.get('/models/raced.srm')?.bytes.toString()).toBe('theirs');
    store.fault = () => undefined;
    const second = await seal(small, sealing(output, { overwrite: true }));
    expect(second.archive).not.toBe(first.archive);
    expect((await verify(output, { trust: who.trust })).archive).toBe(second.archive);
    nothingLeft();
  });
});

describe('an upload survives', () => {
  it.each([
    ['a busy store', 'part', { when: 'before', answer: failsWith(503) }],
    ['a connection that breaks off', 'part', reset],
    ['an answer to a part that is lost', 'part', { ...reset, when: 'after' }],
    ['an answer to the beginning that is lost', 'begin', { ...reset, when: 'after' }],
    ['an answer to the end that is lost', 'complete', { ...reset, when: 'after' }],
    ['a busy store at the end', 'complete', { when: 'before', answer: failsWith(500) }],
  ] as const)('%s', async (name, operation, fault) => {
    const output = `s3://models/${name}.srm`;
    once(operation, fault, operation === 'part' ? 2 : 1);
    await seal(big, sealing(output));
    await expectSame(output, big);
    store.uploads.clear();
    nothingLeft();
  });
});

describe('an upload that fails', () => {
  it('for good is given up', async () => {
    once('part', { when: 'before', answer: failsWith(403, 'AccessDenied') });
    const failed = outcome(() => seal(big, sealing('s3://models/denied.srm')));
    expect(await failed).toBe('PERMISSION_DENIED');
    expect(store.objects.has('/models/denied.srm')).toBe(false);
    nothingLeft();
  });

  it('or is stopped is given up', async () => {
    const controller = new AbortController();
    store.fault = ({ operation, part }) => {
      if (operation === 'part' && part > 1) controller.abort();
      return undefined;
    };
    const { signal } = controller;
    const stopped = seal(big, sealing('s3://models/stopped.srm', { signal }));
    expect(await outcome(() => stopped)).toBe('INTERRUPTED');
    expect(store.objects.has('/models/stopped.srm')).toBe(false);
    nothingLeft();
  });

  it('for want of a network goes on where it was, with the same archive', async () => {
    const output = 's3://models/again.srm';
    store.fault = ({ operation, part }) => (operation === 'part' && part > 1 ? reset : undefined);
    expect(await outcome(() => seal(big, sealing(output)))).toBe('NETWORK');
    expect(notices.join()).toContain('run it again');
    const kept = [...(store.uploads.values().next().value ?? [])].map(([number]) => number);
    expect(kept.length).toBeGreaterThan(0);
    const [file] = readdirSync(join(state, 'uploads'));
    const text = readFileSync(join(state, 'uploads', file as string), 'utf8');

    store.fault = () => undefined;
    store.asked.length = 0;
    const sealed = await seal(big, sealing(output));
    const sent = store.asked.flatMap((each) => (each.operation === 'part' ? [each.part] : []));
    expect(sent.filter((part) => kept.includes(part))).toEqual([]);
    expect(notices.join()).toContain(`${kept.length} parts are there`);
    // The archive that was begun is the one that is there
    const front = Buffer.from(JSON.parse(text.split('\n')[0] as string).front, 'base64');
    expect(front.subarray(12, 44).toString('hex')).toBe(sealed.archive);
    await expectSame(output, big);
    nothingLeft();
  });

  it('goes on with no part that the store does not have as it was', async () => {
    const output = 's3://models/altered.srm';
    store.fault = ({ operation, part }) => (operation === 'part' && part > 1 ? reset : undefined);
    expect(await outcome(() => seal(big, sealing(output)))).toBe('NETWORK');
    const parts = store.uploads.values().next().value as Map<number, Buffer>;
    const [number, bytes] = [...parts][0] as [number, Buffer];
    parts.set(number, Buffer.alloc(bytes.length));
    store.fault = () => undefined;
    await seal(big, sealing(output));
    await expectSame(output, big);
  });

  it.each([
    ['another leaf hash', (line: string) => line.replace(/"leaves":"[^"]{4}/, '"leaves":"AAAA')],
    ['no text', (line: string) => line.replace('{"', '{"\xff')],
  ])('goes on with no part whose line in the state file has %s', async (what, change) => {
    const output = `s3://models/line-with-${what.replaceAll(' ', '-')}.srm`;
    store.fault = ({ operation, part }) => (operation === 'part' && part > 1 ? reset : undefined);
    expect(await outcome(() => seal(big, sealing(output)))).toBe('NETWORK');
    const file = join(state, 'uploads', readdirSync(join(state, 'uploads'))[0] as string);
    const [head, ...lines] = readFileSync(file, 'latin1').split('\n');
    writeFileSync(file, [head, ...lines.map(change)].join('\n'), 'latin1');
    store.fault = () => undefined;
    await seal(big, sealing(output));
    expect(notices.join()).toContain(' 0 parts are there');
    await expectSame(output, big);
    nothingLeft();
  });

  it('is begun anew when what is sealed is another', async () => {
    const output = 's3://models/changed.srm';
    const changing = writeFiles(join(root, 'changing'), { weights: noise(20 * 2 ** 20, 3) });
    store.fault = ({ operation, part }) => (operation === 'part' && part > 1 ? reset : undefined);
    expect(await outcome(() => seal(changing, sealing(output)))).toBe('NETWORK');
    store.fault = () => undefined;
    writeFileSync(join(changing, 'more'), 'more');
    await seal(changing, sealing(output));
    expect(notices.join()).toContain('gave up');
    await expectSame(output, changing);
    nothingLeft();
  });
});

describe('an archive is rekeyed', () => {
  const [from, output] = ['s3://models/old.srm', 's3://models/anew.srm'];
  const anew = (more = {}) =>
    rekey(from, {
      identity: who.author,
      holder: who.reader,
      trust: who.trust,
      recipients: [who.reader.card],
      output,
      threads: 2,
      onNotice: (message: string) => void notices.push(message),
      ...more,
    });
  const sent = () =>
    store.asked.flatMap((each) => (each.operation === 'part' ? [each.part] : [])).sort();

  beforeEach(async () => {
    store.objects.clear();
    await seal(big, sealing(from));
    store.asked.length = 0;
  });

  it('within the store, in parts', async () => {
    const made = await anew();
    expect(sent()).toEqual([1, 2, 3]);
    await expectSame(output, big);
    expect((await inspect(output)).archive).toBe(made.archive);
    expect(made.archive).not.toBe((await inspect(from)).archive);
    expect((await verify(output, { trust: who.trust })).rekeyed).toEqual(made.rekeyed);
    expect(await outcome(() => anew())).toBe('OUTPUT_EXISTS');
    const again = await anew({ overwrite: true });
    expect((await inspect(output)).archive).toBe(again.archive);
    nothingLeft();
  });

  it('in one part, if it is small', async () => {
    await seal(small, sealing(from, { overwrite: true }));
    await anew();
    expect(store.asked.filter(({ operation }) => operation === 'put')).toHaveLength(2);
    await expectSame(output, small);
  });

  it('and goes on where it was', async () => {
    store.fault = ({ operation, part }) => (operation === 'part' && part > 1 ? reset : undefined);
    expect(await outcome(() => anew())).toBe('NETWORK');
    const kept = [...(store.uploads.values().next().value ?? [])].map(([number]) => number);
    expect(kept.length).toBeGreaterThan(0);
    store.fault = () => undefined;
    store.asked.length = 0;
    await anew();
    expect(sent().filter((part) => kept.includes(part))).toEqual([]);
    expect(notices.join()).toContain(`${kept.length} parts are there`);
    await expectSame(output, big);
    nothingLeft();
  });

  it('or begins anew, for others', async () => {
    store.fault = ({ operation, part }) => (operation === 'part' && part > 1 ? reset : undefined);
    expect(await outcome(() => anew())).toBe('NETWORK');
    store.fault = () => undefined;
    await anew({ recipients: [who.reader.card, who.insider.card] });
    expect(notices.join()).toContain('gave up');
    await expectSame(output, big);
    nothingLeft();
  });

  it('and says so if the store has not what was sent', async () => {
    store.fault = ({ operation, key }) => {
      const object = store.objects.get(key);
      // Only verifying all of it tells
      if (operation === 'head' && key.endsWith('/anew.srm') && object !== undefined) {
        object.bytes.fill(0, 20 * 2 ** 20, 20 * 2 ** 20 + 9);
      }
      return undefined;
    };
    const error = await anew().catch((thrown: unknown) => thrown);
    expect(isStrongroomError(error, 'SEGMENT_INVALID')).toBe(true);
    expect(String(error)).toContain('it is written, but was not verified');
  });

  it('but not to an address that is only read', async () => {
    const refused = (to: string, more = {}) => outcome(() => anew({ output: to, ...more }));
    expect(await refused('https://host/x.srm')).toBe('USAGE');
    expect(await refused('-')).toBe('USAGE');
    expect(await refused(join(workspace(), 'x.srm'), { overwrite: true })).toBe('USAGE');
  });
});

it('refuses an object that is not what was written', async () => {
  store.fault = ({ operation, key }) => {
    const object = store.objects.get(key);
    if (operation === 'head' && object !== undefined) object.bytes = object.bytes.subarray(1);
    return undefined;
  };
  const sealed = outcome(() => seal(small, sealing('s3://models/wrong.srm')));
  expect(await sealed).toBe('UPLOAD_INVALID');
});

it('refuses an object that changes while it is read', async () => {
  const output = 's3://models/moving.srm';
  await seal(big, sealing(output));
  let count = 0;
  store.fault = ({ operation }) => {
    const object = store.objects.get('/models/moving.srm');
    if (operation === 'get' && ++count > 5 && object !== undefined) object.etag = '"other"';
    return undefined;
  };
  expect(await outcome(() => verify(output, { trust: who.trust }))).toBe('SOURCE_CHANGED');
});

it('reads through what passes, and says what does not', async () => {
  const output = 's3://models/reading.srm';
  await seal(small, sealing(output));
  once('get', { when: 'before', answer: failsWith(503) }, 2);
  await expectSame(output, small);
  once('get', { when: 'before', answer: failsWith(403, 'ExpiredToken') });
  const error = await verify(output, { trust: who.trust }).catch((thrown: unknown) => thrown);
  expect(isStrongroomError(error, 'PERMISSION_DENIED')).toBe(true);
  expect(String(error)).toContain('credentials have expired');
});
