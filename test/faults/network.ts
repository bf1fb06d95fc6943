/** A network that stalls, resets and crawls between the command and what it reads and writes. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientRequest, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { open, serve } from '#strongroom/index.js';
import { noise } from '../support/archive.ts';
import { startRanges } from '../support/ranges.ts';
import { startStore, storeEnvironment } from '../support/store.ts';
import { inLanes, strongroom, unclear } from './command.ts';
import type { Plan } from './kills.ts';
import { startProxy, type Trouble } from './proxy.ts';
import type { State } from './stories.ts';
import type { Tally } from './tally.ts';
import { digestOf, type World } from './world.ts';

interface Case {
  readonly story: 'open over HTTP' | 'open from S3' | 'seal to S3';
  readonly trouble: Trouble;
  /** How many connections have it, from the first one. */
  readonly times: number;
}

/** So many failures in a row are more than are tried. */
const always = Infinity;

/** Long enough to have several parts. */
const bigBytes = 14_000_000;

function casesOf(random: Plan['random']): Case[] {
  const reading = (['open over HTTP', 'open from S3'] as const).flatMap((story) =>
    (['reset', 'half-close', 'slow', 'stall'] as const).flatMap((what): Case[] => {
      const at = (after: number, times: number): Case => ({
        story,
        trouble: { what, of: 'server', after },
        times,
      });
      if (what === 'slow') return [at(random.below(200_000), 2)];
      if (what === 'stall') return [at(random.below(500_000), 1)];
      // At the first byte, within the headers, and within bodies; or each time after some gain
      return [at(0, 2), at(random.below(300), 3), at(random.below(2_000_000), 3), at(400_000, 12)];
    }),
  );
  const never = (['open over HTTP', 'open from S3', 'seal to S3'] as const).flatMap((story) =>
    (['reset', 'half-close'] as const).map(
      (what): Case => ({ story, trouble: { what, of: 'server', after: 0 }, times: always }),
    ),
  );
  const writing = (['reset', 'half-close', 'slow'] as const).flatMap((what): Case[] => {
    const at = (of: Trouble['of'], after: number, times: number): Case => ({
      story: 'seal to S3',
      trouble: { what, of, after },
      times,
    });
    if (what === 'slow') return [at('client', 5_000_000, 1)];
    return [
      at('server', 0, 2),
      at('client', random.below(1000), 3),
      at('client', random.below(4_000_000), 3),
      at('client', 4_000_000 + random.below(1_000_000), 3),
    ];
  });
  return [...never, ...reading, ...writing].sort(
    // Those that wait longest first
    (a, b) => Number(b.trouble.what === 'stall') - Number(a.trouble.what === 'stall'),
  );
}

export async function disturb(plan: Plan): Promise<void> {
  const { parent, random, tally, world } = plan;
  const source = join(parent, 'big');
  mkdirSync(source);
  writeFileSync(join(source, 'weights.bin'), noise(bigBytes, 7));
  const digest = digestOf(source);
  const at = (name: string) => join(world.root, name);
  const sealing = ['-r', at('partner.key.card'), '--sign', at('lab.key')];
  const opening = ['-i', at('partner.key'), '--signer', at('lab.key.card')];
  const made = await strongroom(['seal', source, '-o', 'big.srm', ...sealing], { cwd: parent });
  if (made.status !== 0) throw new Error(made.stderr);
  const archive = readFileSync(join(parent, 'big.srm'));
  const ranges = await startRanges(archive);
  const { store, port, close } = await startStore();
  store.objects.set('/models/big.srm', { bytes: archive, etag: '"big"' });
  try {
    await inLanes(casesOf(random), 6, async (each, i) => {
      const { story, trouble, times } = each;
      const backend = story === 'open over HTTP' ? ranges.port : port;
      const proxy = await startProxy(backend, (count) => (count < times ? trouble : undefined));
      const cwd = join(parent, `net-${i}`);
      mkdirSync(cwd);
      const key = `new-${i}.srm`;
      const args = {
        'open over HTTP': ['open', `http://127.0.0.1:${proxy.port}/weights.srm`, '-o', 'out'],
        'open from S3': ['open', 's3://models/big.srm', '-o', 'out'],
        'seal to S3': ['seal', source, '-o', `s3://models/${key}`],
      }[story];
      const rest = story === 'seal to S3' ? sealing : opening;
      const holds = async (): Promise<boolean> => {
        const output = join(cwd, 'out');
        if (story === 'seal to S3') {
          const object = store.objects.get(`/models/${key}`);
          if (object === undefined) return false;
          writeFileSync(join(cwd, 'object'), object.bytes);
          const { partner: identity, trust } = world;
          await open(join(cwd, 'object'), { identity, trust, output });
        }
        const found = digestIfThere(output);
        if (found !== undefined && found !== digest) throw new Error('other bytes');
        rmSync(output, { recursive: true, force: true });
        return found !== undefined;
      };
      const env = storeEnvironment(proxy.port);
      const ended = await strongroom([...args, ...rest], { cwd, env });
      const wrong = await judged(ended, times === always, holds, async () => {
        const direct = { ...storeEnvironment(port) };
        const sound = args.map((arg) => arg.replace(`:${proxy.port}/`, `:${ranges.port}/`));
        return strongroom([...sound, ...rest], { cwd, env: direct });
      });
      const { what, of, after } = trouble;
      const told = `${what} after ${after} bytes of the ${of}'s, ${times} times`;
      const state: State = ended.status === 0 ? 'new' : 'old';
      const verdict = wrong === undefined ? { state } : { state, wrong };
      tally.add('network', story, told, verdict, proxy.connections() > 0);
      proxy.close();
      rmSync(cwd, { recursive: true });
    });
    await clientsVanish(world, random, tally);
  } finally {
    ranges.close();
    close();
  }
}

/** What is wrong; nothing if it was survived, or told where it cannot be. */
async function judged(
  ended: Awaited<ReturnType<typeof strongroom>>,
  isHopeless: boolean,
  holds: () => Promise<boolean>,
  again: () => ReturnType<typeof strongroom>,
): Promise<string | undefined> {
  try {
    const there = await holds();
    if (!isHopeless) {
      return ended.status === 0 && there ? undefined : `not survived: ${ended.stderr.trim()}`;
    }
    const why = unclear(ended);
    if (why !== undefined) return why;
    if (there) return 'told as failed, and is there';
    const next = await again();
    if (next.status !== 0) return `the next run fails: ${next.stderr.trim()}`;
    return (await holds()) ? undefined : 'the next run does nothing';
  } catch (error) {
    return `neither old nor new: ${(error as Error).message}`;
  }
}

function digestIfThere(path: string): string | undefined {
  try {
    return digestOf(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Clients of a gateway that reset, that leave without a word, and that take nothing of a body. */
async function clientsVanish(world: World, random: Plan['random'], tally: Tally): Promise<void> {
  const failures: unknown[] = [];
  const gateway = await serve([`model=${world.archive}`], {
    identity: world.partner,
    trust: world.trust,
    cacheBytes: 4 * 2 ** 20,
    onFailure: (error) => failures.push(error),
  });
  const headers = { authorization: `Bearer ${gateway.credentials.token}` };
  const ask = () => request(`${gateway.url}/model/weights/a.bin`, { headers, agent: false });
  const vanish = (sent: ClientRequest, after: number) =>
    new Promise<void>((done) => {
      sent.on('error', () => done());
      sent.on('close', () => done());
      sent.on('response', (response) => {
        let taken = 0;
        response.on('error', () => done());
        response.on('data', (part: Buffer) => {
          taken += part.length;
          if (taken > after) response.socket.resetAndDestroy();
        });
        response.on('end', () => done());
      });
      sent.end();
    });
  const whole = readFileSync(join(world.source, 'weights/a.bin'));
  const rounds = 40;
  for (let i = 0; i < rounds; i++) {
    const stalled = ask();
    stalled.on('error', () => {});
    stalled.end();
    await Promise.all([vanish(ask(), random.below(whole.length)), sleep(1)]);
    stalled.destroy();
  }
  const parts: Buffer[] = [];
  const status = await new Promise<number>((done, fail) => {
    const sent = ask();
    sent.on('error', fail);
    sent.on('response', (response) => {
      response.on('data', (part) => parts.push(part));
      response.on('end', () => done(response.statusCode ?? 0));
      response.on('error', fail);
    });
    sent.end();
  });
  await gateway.close(0);
  const same = status === 200 && Buffer.concat(parts).equals(whole);
  const wrong = same
    ? undefined
    : `then answers ${status} with ${Buffer.concat(parts).length} bytes`;
  const verdict = wrong === undefined ? ({ state: 'new' } as const) : { wrong };
  const told = `${failures.length} failures told`;
  tally.add('clients vanish', 'gateway', told, verdict, true, 2 * rounds);
}
