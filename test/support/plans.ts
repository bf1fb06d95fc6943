/** Plans to make and to follow: who works, a model to seal, and a store that it goes to. */
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import {
  createIdentity,
  finishPlan,
  type Identity,
  open,
  type PlanSealOptions,
  planSeal,
  type SuiteName,
  workRange,
} from '#strongroom/index.js';
import { decodePlan } from '#strongroom/scale/document.js';
import { noise, people, readFiles, sharedWorkspace, workspace, writeFiles } from './archive.ts';
import { serveStore } from './store.ts';

const root = sharedWorkspace();
process.env.STRONGROOM_STATE_DIR = join(root, 'state');
export const store = await serveStore();
export const mib = 2 ** 20;

/** 22 MiB, in segments of 64 KiB. */
export const source = writeFiles(join(root, 'model'), {
  'a.safetensors': noise(13 * mib + 17),
  'b/c.safetensors': noise(9 * mib, 2),
  'b/empty/': '',
  'config.json': '{}',
  none: '',
});

/** Of what is in it, files first, and itself. */
const paths = ['a.safetensors', 'b/c.safetensors', 'config.json', 'none', 'b/empty', 'b', '.'];

function sameTimes(directory: string): void {
  for (const path of paths) utimesSync(join(directory, path), 1_700_000_000, 1_700_000_000);
}
sameTimes(source);

function castOf(suite: SuiteName) {
  const make = (name: string) => createIdentity({ name, suite });
  const crew = { first: make('first worker'), second: make('second worker') };
  return { ...people(suite), ...crew, outsider: make('outsider') };
}

export const cast = { hybrid: castOf('hybrid'), cnsa2: castOf('cnsa2') };
const { author, reader, first, second, trust } = cast.hybrid;

/** A directory that looks the same and is not: one file has other bytes. */
export function lookalike(): string {
  const copy = join(workspace(), 'model');
  const files = paths.slice(0, 4).map((path) => [path, readFileSync(join(source, path))] as const);
  writeFiles(copy, { ...Object.fromEntries(files), 'b/empty/': '' });
  writeFileSync(join(copy, 'a.safetensors'), noise(13 * mib + 17, 3));
  sameTimes(copy);
  return copy;
}

let made = 0;

/** A plan of three ranges for two workers. */
export async function planned(more: Partial<PlanSealOptions> = {}, from = source) {
  const key = `archive-${++made}.srm`;
  const plan = join(workspace(), 'plan');
  const output = `s3://models/${key}`;
  const report = await planSeal(from, {
    plan,
    output,
    ranges: 3,
    workers: [first.card, second.card],
    recipients: [reader.card],
    signer: author,
    segmentBytes: 2 ** 16,
    ...more,
  });
  return { plan, output, report, at: `/models/${key}` };
}

export const work = (plan: string, index: number, identity: Identity = first, more = {}) =>
  workRange(plan, index, { identity, trust, threads: 2, ...more });

/** A plan all of whose ranges are done. */
export async function worked(more: Partial<PlanSealOptions> = {}, from = source) {
  const all = await planned(more, from);
  for (let index = 0; index < all.report.ranges; index++) await work(all.plan, index);
  return all;
}

export const finish = (plan: string, more = {}) =>
  finishPlan(plan, { identity: author, threads: 2, ...more });

export async function expectSame(address: string, identity = reader, trusted = trust) {
  const output = join(workspace(), 'out');
  await open(address, { identity, trust: trusted, output, threads: 2 });
  expect(readFiles(output)).toEqual(readFiles(source));
}

/** Names of the receipts in the store of what is to be sealed at `at`. */
export const receiptsOf = (at: string) =>
  [...store.objects.keys()].filter((name) => name.startsWith(`${at}.receipts/`));

export const read = (plan: string) => decodePlan(readFileSync(plan), 'plan');

/** The parts of the upload that was begun last. */
export const latestUpload = (): Map<number, Buffer> => {
  const [parts] = [...store.uploads.values()].slice(-1);
  if (parts === undefined) throw new Error('no upload');
  return parts;
};
