/** Files chosen by the tensors that are in them. */
import { beforeAll, expect, it } from 'vitest';
import { type Unlocked, unlock } from '#strongroom/archive/reader.js';
import { filesHolding } from '#strongroom/archive/tensors/select.js';
import { openSource } from '#strongroom/engine/locate.js';
import type { Source } from '#strongroom/engine/source.js';
import { refusal } from '../../keys/helpers.ts';
import { makeArchive, people, sharedWorkspace } from '../../support/archive.ts';
import { safetensors } from '../../support/models.ts';

const who = people();
const root = sharedWorkspace();
let source: Source;
let archive: Unlocked;

beforeAll(async () => {
  const path = await makeArchive(root, {
    who,
    files: {
      '0.txt': 'x'.repeat(5000),
      'a.safetensors': safetensors({ 'blk.0.w': [1], 'blk.0.b': [2] }),
      'b.safetensors': safetensors({ 'blk.1.w': Array(3000).fill(3) }),
      'c.safetensors': safetensors({ head: [4] }),
      'e.safetensors/': '',
    },
  });
  source = await openSource({ kind: 'file', path });
  archive = await unlock(source, { identity: who.reader, trust: who.trust });
});

it.each([
  [['head'], ['c.safetensors']],
  [['blk.*.w'], ['a.safetensors', 'b.safetensors']],
  [
    ['blk.1*', 'he?d'],
    ['b.safetensors', 'c.safetensors'],
  ],
  [['*'], ['a.safetensors', 'b.safetensors', 'c.safetensors']],
  [[], []],
])('tensors of %j are in %j', async (globs, files) => {
  expect([...(await filesHolding(source, archive, globs))]).toEqual(files);
});

it('a glob that matches no tensor is refused, also beside one that does', async () => {
  const { code, message } = await refusal(() => filesHolding(source, archive, ['head', 'tail*']));
  expect(code).toBe('NO_SUCH_TENSOR');
  expect(message).toBe('no tensor in the archive matches tail*');
});
