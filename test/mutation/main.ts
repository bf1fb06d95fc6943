/**
 * Mutation testing of an area, or of all: `npm run test:mutation -- [AREA…]`, or of some files
 * with `--mutate FILES --tests FILES`. Areas are in areas.json, with the tests that each has.
 * What survives is listed, and counted at the end; docs/assurance.md explains it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

interface Area {
  readonly name: string;
  readonly mutate: readonly string[];
  readonly tests: readonly string[];
  /** Whether the code runs in other threads too: a process of its own for each mutant. */
  readonly inThreads?: boolean;
}

interface Report {
  readonly files: Readonly<
    Record<string, { readonly mutants: readonly { readonly status: string }[] }>
  >;
}

const here = 'test/mutation';
const report = '.mutation/report.json';
const config = `${here}/stryker.config.json`;
const threadsConfig = '.mutation/threads.json';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { mutate: { type: 'string' }, tests: { type: 'string' } },
});

function chosen(): readonly Area[] {
  const { mutate, tests } = values;
  if (mutate !== undefined && tests !== undefined) {
    return [{ name: 'files', mutate: mutate.split(','), tests: tests.split(',') }];
  }
  const areas: readonly Area[] = JSON.parse(readFileSync(`${here}/areas.json`, 'utf8'));
  const unknown = positionals.find((name) => areas.every((area) => area.name !== name));
  if (unknown !== undefined) {
    throw new Error(`no area ${unknown}; there are ${areas.map(({ name }) => name).join(', ')}`);
  }
  return areas.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
}

/**
 * Settings for code in threads. Coverage is not seen there, and a mutant that is switched on in
 * the main thread alone is none there: every process has one from its beginning, which all its
 * threads find in their environment, and runs all tests.
 */
function forThreads(tests: readonly string[]): string {
  const { vitest, plugins: _, ...usual } = JSON.parse(readFileSync(config, 'utf8'));
  const command = `vitest run --config ${vitest.configFile} --bail 1 ${tests.join(' ')}`;
  const settings = {
    ...usual,
    testRunner: 'command',
    commandRunner: { command },
    coverageAnalysis: 'off',
    ignoreStatic: false,
  };
  mkdirSync('.mutation', { recursive: true });
  writeFileSync(threadsConfig, JSON.stringify(settings));
  return threadsConfig;
}

function run({ name, mutate, tests, inThreads = false }: Area): void {
  console.log(`\n== ${name}`);
  rmSync(report, { force: true });
  const options = inThreads ? [forThreads(tests)] : [config, '--testFiles', tests.join(',')];
  const words = ['run', ...options, '--mutate', mutate.join(',')];
  const { status } = spawnSync('stryker', words, { stdio: 'inherit' });
  if (status !== 0 || !existsSync(report)) throw new Error(`${name}: it did not run to its end`);
  const { files }: Report = JSON.parse(readFileSync(report, 'utf8'));
  let [all, dead] = [0, 0];
  for (const [path, { mutants }] of Object.entries(files)) {
    const count = (...states: string[]) =>
      mutants.filter(({ status }) => states.includes(status)).length;
    const [killed, left] = [count('Killed', 'Timeout'), count('Survived', 'NoCoverage')];
    console.log(`${path}: ${killed + left} mutants, ${killed} killed, ${left} left`);
    all += killed + left;
    dead += killed;
  }
  console.log(`${name}: ${all} mutants, ${dead} killed, ${all - dead} left`);
}

for (const area of chosen()) run(area);
