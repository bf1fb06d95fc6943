/** `npm run bench`: runs the scenes that were asked for and writes the record. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Absent } from './contestants/absent.ts';
import type { Team } from './contestants/contestant.ts';
import { createModel, type Model } from './data.ts';
import { describeCommit, describeMachine, describeVersions } from './machine.ts';
import { CommandError, method } from './measure.ts';
import { help, type Options, readOptions, UsageError } from './options.ts';
import {
  type BenchRecord,
  joined,
  readHistory,
  type Scene,
  whyNotOne,
  writeRecord,
} from './record.ts';
import {
  doesNotFit,
  giveUp,
  isTmpfs,
  onDismissal,
  remove,
  spare,
  temporaryDirectory,
} from './room.ts';
import { type Lineup, runRounds } from './rounds.ts';
import { type PlannedScene, planScenes, sceneName } from './scenes.ts';
import { sampleLine, sceneTable } from './tables.ts';

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** What --only asks for: parts of scene names, alone or with the first words of a contestant's. */
const wishes = ({ only }: Options): readonly (readonly [string, string])[] =>
  only.map((wish) => {
    const [scene = '', ...contestant] = wish.split('/');
    return [scene, contestant.join('/')];
  });

const isWanted = (options: Options, scene: string, contestant = ''): boolean =>
  options.only.length === 0 ||
  wishes(options).some(
    ([inScene, inName]) =>
      scene.includes(inScene) &&
      (contestant === '' || inName === '' || `${contestant} `.startsWith(`${inName} `)),
  );

const mostRoom = ({ teams }: PlannedScene): number => Math.max(...teams.map(({ room }) => room));

/** Where one scene runs and where its model lies. */
interface Place {
  readonly scene: PlannedScene;
  readonly directory: string;
  readonly input: string;
}

function refusal({ scene, directory, input }: Place): string | undefined {
  const outputs = scene.bytes * mostRoom(scene);
  if (input === directory) return doesNotFit(directory, outputs + scene.bytes);
  return doesNotFit(input, scene.bytes) ?? doesNotFit(directory, outputs);
}

async function runScene(
  place: Place,
  options: Options,
  absent: Absent[],
): Promise<Scene | undefined> {
  const { scene, directory, input } = place;
  const name = sceneName(scene);
  const leaveOut = (who: string, why: string) => {
    say(`  absent: ${who}: ${why}`);
    absent.push({ scene: name, name: who, why });
  };
  say(`\n${name}`);
  const why = refusal(place);
  if (why !== undefined) {
    leaveOut('the whole scene', why);
    return undefined;
  }
  const models = temporaryDirectory(input, 'strongroom-bench-models');
  const work = temporaryDirectory(directory, 'strongroom-bench-work');
  const model: Model = createModel(models, scene.bytes);
  const lineups: Lineup[] = [];
  const dismissals: (() => void)[] = [];
  try {
    for (const [i, team] of scene.teams.entries()) {
      const reason = team.absent();
      if (reason !== undefined) {
        leaveOut(team.name, reason);
        continue;
      }
      const lineup = await enter(team, { model, disk: scene.place === 'disk' }, work, i);
      if (typeof lineup === 'string') {
        leaveOut(team.name, lineup);
        continue;
      }
      dismissals.push(lineup.dismiss);
      const counted = lineup.contestants
        .map((contestant) => contestant.name)
        // Ratios need the reference whatever was asked for.
        .filter((who) => isWanted(options, name, who) || who === scene.reference);
      lineups.push({ contestants: lineup.contestants, counted: new Set(counted) });
    }
    const results = await runRounds(lineups, {
      rounds: options.rounds,
      disk: scene.place === 'disk',
      work,
      outputBytes: scene.bytes,
      onSample: (who, round, sample) => say(sampleLine(who, round, sample)),
      onFailure: (who, error) => {
        say(`  failed: ${who}: ${error.message}`);
        absent.push({ scene: name, name: who, why: 'failed' });
      },
    });
    const { kind, bytes, reference } = scene;
    return { name, kind, place: scene.place, bytes, reference, results };
  } finally {
    for (const dismiss of dismissals) dismiss();
    remove(work);
    if (!options.keep) remove(model.directory);
  }
}

/** Makes a team ready in a directory of its own; a reason if it cannot be. */
async function enter(team: Team, stage: { model: Model; disk: boolean }, work: string, i: number) {
  const own = temporaryDirectory(work, `team-${i}`);
  try {
    const { contestants, dismiss } = await team.prepare({ ...stage, work: own });
    return { contestants, dismiss: onDismissal(dismiss ?? (() => {})) };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    say(`  ${error.message}`);
    return 'could not be prepared';
  }
}

const placeOf = (directory: string) => (isTmpfs(directory) ? 'tmpfs' : 'disk');

function placesOf(options: Options): Place[] {
  const { directory, disk } = options;
  for (const path of [directory, options.input, disk]) {
    if (path !== undefined && !statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      throw new UsageError(`${path}: not a directory`);
    }
  }
  const at = (where: string, input: string | undefined, full: boolean): Place[] =>
    planScenes(options, placeOf(where), full).map((scene) => {
      const beside = { scene, directory: where, input: input ?? where };
      if (input !== undefined || disk === undefined) return beside;
      return refusal(beside) === undefined ? beside : { ...beside, input: disk };
    });
  return [
    ...at(directory, options.input, true),
    ...(disk === undefined ? [] : at(disk, disk, false)),
  ];
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) {
    console.log(help);
    return;
  }
  const places = placesOf(options).filter(({ scene }) => isWanted(options, sceneName(scene)));
  if (options.list) {
    for (const { scene } of places) {
      console.log(sceneName(scene));
      for (const team of scene.teams) console.log(`  ${team.name}${reasonOf(team)}`);
    }
    return;
  }
  const { quick, only } = options;
  const date = `${new Date().toISOString().slice(0, 19)}Z`;
  const about = {
    format: 1,
    date,
    ...describeCommit(),
    options: { quick, only },
    method,
    machine: describeMachine(),
    versions: describeVersions(),
  } as const;
  const before = options.add ? recordToAddTo(about) : undefined;
  const absent: Absent[] = [];
  const scenes: Scene[] = [];
  for (const place of places) {
    const scene = await runScene(place, options, absent);
    if (scene === undefined) continue;
    scenes.push(scene);
    console.log(`\n${sceneTable(scene)}`);
  }
  const record: BenchRecord = { ...about, absent, scenes };
  const whole = before === undefined ? record : joined(before, record);
  say(`record: ${writeRecord(whole, options.json)}`);
  if (options.keep) {
    for (const input of new Set(places.map((place) => place.input))) {
      spare(join(input, 'strongroom-bench-models'));
    }
  }
  // What is absent is named and no failure; what was there and failed is one.
  if (scenes.length === 0 || absent.some(({ why }) => why === 'failed')) process.exitCode = 1;
}

function recordToAddTo(about: Parameters<typeof whyNotOne>[1]): BenchRecord {
  const before = readHistory().at(-1);
  if (before === undefined) throw new UsageError('--add: there is no record yet');
  const why = whyNotOne(before, about);
  if (why !== undefined) throw new UsageError(`--add: not to the newest record: ${why}`);
  return before;
}

const reasonOf = (team: Team): string => {
  const why = team.absent();
  return why === undefined ? '' : ` (absent: ${why})`;
};

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 2;
} finally {
  giveUp();
}
