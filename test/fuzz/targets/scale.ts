/** Parsers of work plans, of what is hidden in them, and of receipts. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { createCore } from '#strongroom/archive/core.js';
import { planSource } from '#strongroom/archive/plan.js';
import { concat, fromHex } from '#strongroom/bytes.js';
import { encryptAll } from '#strongroom/crypto/floe.js';
import { suites } from '#strongroom/crypto/suites.js';
import { createIdentity, planOpen, planVerify, seal, trustCards } from '#strongroom/index.js';
import { encodeJson } from '#strongroom/json.js';
import { decodePlan, trustPlan } from '#strongroom/scale/document.js';
import { openOpening, openSealing } from '#strongroom/scale/private.js';
import { createReceipt, decodeReceipt } from '#strongroom/scale/receipt.js';
import { piecesFor, planStream } from '#strongroom/scale/stream.js';
import { hold, mutateDocument, type Target } from '../target.ts';

export async function scaleTargets(scratch: string): Promise<readonly Target[]> {
  const root = join(scratch, 'plans');
  const model = join(root, 'model');
  mkdirSync(join(model, 'empty'), { recursive: true });
  writeFileSync(join(model, 'weights'), Buffer.alloc(20_000, 7));
  const [author, worker] = [createIdentity({ name: 'a' }), createIdentity({ name: 'w' })];
  const trust = trustCards([author.card]);
  const archive = join(root, 'model.srm');
  const sealing = { recipients: [author.card], signer: author, segmentBytes: 4096 };
  await seal(model, { ...sealing, output: archive });
  const common = { ranges: 2, workers: [worker.card], identity: author, trust };
  const paths = ['verify', 'open'].map((kind) => join(root, `${kind}.plan`)) as [string, string];
  await planVerify(archive, { ...common, plan: paths[0], epochMemory: 'off' });
  const output = join(root, 'out');
  await planOpen(archive, { ...common, plan: paths[1], output, epochMemory: 'off' });
  const plans = paths.map((path) => readFileSync(path));
  const [verifying, opening] = plans.map((bytes) => decodePlan(bytes, 'plan'));
  if (verifying === undefined || opening === undefined) throw new Error('no plans');
  const receipts = [
    createReceipt(verifying, 0, '0123456789abcdef', { did: 'verify', bad: [1] }, worker),
    createReceipt(verifying, 0, '0123456789abcdee', { did: 'verify', bad: [] }, worker),
  ];
  return [
    {
      name: 'plan',
      seeds: plans,
      mutate: mutateDocument,
      parse(input) {
        trustPlan(decodePlan(input, 'plan'), trust);
        hold(
          plans.some((plan) => plan.equals(input)),
          'a plan that nobody signed',
        );
        return undefined;
      },
    },
    {
      name: 'receipt',
      seeds: receipts,
      mutate: mutateDocument,
      parse(input) {
        decodeReceipt(input, verifying, 0, 'receipt');
        hold(
          receipts.some((each) => Buffer.from(each).equals(input)),
          'a receipt of nobody',
        );
        return undefined;
      },
    },
    ...(await privateTargets(model)),
  ];
}

async function privateTargets(model: string): Promise<readonly Target[]> {
  const plan = await planSource(model, { followSymlinks: false });
  const { length } = plan.pieces;
  const stream = planStream(plan, model);
  const opening = { entries: stream.entries, type: 'strongroom/plan-opening', version: 1 };
  const core = createCore({
    suite: suites.hybrid,
    segmentBytes: 4096,
    slotBytes: 4096,
    authors: ['00'.repeat(32), '11'.repeat(32)],
  });
  const [planKey, id] = [new Uint8Array(32).fill(1), '22'.repeat(32)];
  const hide = (plaintext: Uint8Array) => ({
    bytes: encryptAll(planKey, concat(fromHex(id), core.hash), 2 ** 20, plaintext),
    context: { core, id },
    planKey,
    name: 'plan',
  });
  return [
    {
      name: 'plan sealing',
      seeds: [encodeJson(stream)],
      mutate: mutateDocument,
      parse(input) {
        const content = openSealing(hide(input));
        // What a worker makes of it, as far as no file is looked at
        piecesFor(
          { ...content, files: { at: [], mtimes: [], paths: [], sizes: [] } },
          0,
          { from: 0, to: 0 },
          'plan',
        );
        return encodeJson(content);
      },
    },
    {
      name: 'plan opening',
      seeds: [encodeJson(opening), encodeJson({ ...opening, files: [1] })],
      mutate: mutateDocument,
      parse(input) {
        const by = Buffer.from(input).includes('"files"') ? 'files' : 'segments';
        const content = openOpening(hide(input), { by, payload: { length }, ranges: 1 });
        for (const { path } of content.entries) {
          hold(!isAbsolute(path) && !path.split('/').includes('..'), 'a path that leads away');
        }
        return encodeJson(content);
      },
    },
  ];
}
