/**
 * Mutation testing of an area, or of all: `npm run test:mutation -- [AREA…]`, or of some files
 * with `--mutate FILES --tests FILES`. Areas are in areas.json, with the tests that each has.
 * What survives and survivors.json does not explain is listed, and makes the run fail.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Mutant, missingIn, nameOf, readSurvivors } from './survivors.ts';

interface Area {
  readonly name: string;
  readonly mutate: readonly string[];
  readonly tests: readonly string[];
  /** Whether each mutant has a process of its own: for what runs in threads, or when loaded. */
  readonly apart?: boolean;
}

interface Report {
  readonly files: Readonly<
    Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>
  >;
}

const here = 'test/mutation';
const report = '.mutation/report.json';
const config = `${here}/stryker.config.json`;
const configApart = '.mutation/apart.json';

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
 * Settings for code that runs in threads, where coverage is not seen and a mutant is not switched
 * on later, or when it is loaded: each process has one mutant from its beginning, which all its
 * threads find in their environment, and runs all tests.
 */
function settingsApart(tests: readonly string[]): string {
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
  writeFileSync(configApart, JSON.stringify(settings));
  return configApart;
}

/** Runs an area, and tells how many of its survivors nobody has explained. */
function run({ name, mutate, tests, apart = false }: Area): number {
  console.log(`\n== ${name}`);
  rmSync(report, { force: true });
  const options = apart ? [settingsApart(tests)] : [config, '--testFiles', tests.join(',')];
  const words = ['run', ...options, '--mutate', mutate.join(',')];
  const { status } = spawnSync('stryker', words, { stdio: 'inherit' });
  if (status !== 0 || !existsSync(report)) throw new Error(`${name}: it did not run to its end`);
  const { files }: Report = JSON.parse(readFileSync(report, 'utf8'));
  renameSync(report, `.mutation/${name}.json`);
  let [all, dead, unexplained] = [0, 0, 0];
  for (const [path, { source, mutants }] of Object.entries(files)) {
    const of = (...states: string[]) => mutants.filter(({ status }) => states.includes(status));
    const killed = of('Killed', 'Timeout').length;
    const left = of('Survived', 'NoCoverage').map((mutant) => nameOf(source, mutant));
    console.log(`${path}: ${killed + left.length} mutants, ${killed} killed, ${left.length} left`);
    all += killed + left.length;
    dead += killed;
    for (const each of missingIn(left, Object.values(explained[path] ?? {}).flat())) {
      console.log(`  not explained: ${each}`);
      unexplained++;
    }
  }
  const ends = `${all - dead - unexplained} explained, ${unexplained} not`;
  console.log(`${name}: ${all} mutants, ${dead} killed, ${ends}`);
  return unexplained;
}

const { survivors: explained } = readSurvivors();
const unexplained = chosen().map(run);
if (unexplained.some((count) => count > 0)) process.exitCode = 1;
