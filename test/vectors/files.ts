/** Where the published vectors are. A missing folder or file is a failure, never a skip. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const folder = resolve(
  process.env.STRONGROOM_VECTORS ?? join(here, '..', '..', '..', 'shared', 'vectors'),
);

export function vectorText(...path: string[]): string {
  const file = join(folder, ...path);
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  throw new Error(
    `no test vectors: ${path.join('/')} is missing; name their folder in STRONGROOM_VECTORS`,
  );
}

export const vectorJson = <T>(...path: string[]): T => JSON.parse(vectorText(...path)) as T;

/** A test of Project Wycheproof, less what differs from file to file. */
export interface WycheproofTest {
  readonly tcId: number;
  readonly comment?: string;
  readonly flags: readonly string[];
  readonly result: 'valid' | 'invalid' | 'acceptable';
}

export interface WycheproofFile<Group, Test> {
  readonly numberOfTests: number;
  readonly testGroups: readonly (Group & { readonly tests: readonly (Test & WycheproofTest)[] })[];
}

export const wycheproof = <Group, Test>(name: string): WycheproofFile<Group, Test> =>
  vectorJson('wycheproof', `${name}_test.json`);

/** All tests of a file with their group; throws if there are not as many as it says. */
export function testsOf<Group, Test>(file: WycheproofFile<Group, Test>) {
  const tests = file.testGroups.flatMap((group) => group.tests.map((test) => ({ group, test })));
  if (tests.length === file.numberOfTests) return tests;
  throw new Error(`${tests.length} tests instead of ${file.numberOfTests}`);
}
