/** A directory that others can write to: links that they put there lead nobody elsewhere. */
import {
  existsSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createFile } from '#strongroom/engine/output.js';
import { seal } from '#strongroom/index.js';
import { outcome, people, workspace, writeFiles } from '../support/archive.ts';

const { author, reader } = people();

const victimIn = (root: string): string => {
  const victim = join(root, 'victim');
  writeFileSync(victim, 'precious');
  return victim;
};

const exchange = (path: string, target: string): void => {
  rmSync(path);
  symlinkSync(target, path);
};

it.skipIf(process.platform === 'win32')('not where work goes on', async () => {
  const root = workspace();
  const victim = victimIn(root);
  const source = writeFiles(join(root, 'model'), { weights: '' });
  // Holes: so much that the first word of progress comes long before the end
  truncateSync(join(source, 'weights'), 2 ** 31);
  const output = join(root, 'model.srm');
  const common = { output, recipients: [reader.card], signer: author, resume: true, threads: 1 };
  const stop = new AbortController();
  const onProgress = () => stop.abort();
  const broken = seal(source, { ...common, signal: stop.signal, onProgress });
  expect(await outcome(() => broken)).toBe('INTERRUPTED');
  const stage = join(root, '.model.srm.resume');
  expect(existsSync(`${stage}.journal`)).toBe(true);
  // Between the first look at what is there, and the threads that write
  const onNotice = (message: string) => {
    if (message.includes('goes on')) exchange(stage, victim);
  };
  expect(await outcome(() => seal(source, { ...common, onNotice }))).not.toBe('accepted');
  expect(readFileSync(victim, 'latin1')).toBe('precious');
  expect(existsSync(output)).toBe(false);
});

it.skipIf(process.platform === 'win32')('not where a file gets its name', () => {
  const root = workspace();
  const path = join(root, 'card');
  const file = createFile(path);
  exchange(file.path, victimIn(root));
  expect(() => file.commit()).toThrow();
  expect(existsSync(path)).toBe(false);
  file.discard();
});
