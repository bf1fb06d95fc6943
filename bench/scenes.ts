/** What is measured: scenes of one size, suite and place, each with its teams. */
import type { Team } from './contestants/contestant.ts';
import { peers } from './contestants/peers.ts';
import { copyTeam, opensslSpeedTeam, stagesTeam } from './contestants/references.ts';
import {
  readsTeam,
  startUpTeam,
  strongroomTeam,
  type Variant,
  variantTeams,
} from './contestants/strongroom.ts';
import { findNodes } from './machine.ts';
import type { Options } from './options.ts';

export interface PlannedScene {
  readonly kind: string;
  readonly place: 'tmpfs' | 'disk';
  readonly bytes: number;
  readonly reference: string;
  readonly teams: readonly Team[];
}

const GiB = 2 ** 30;
const MiB = 2 ** 20;

export const sizeText = (bytes: number): string =>
  bytes >= GiB ? `${bytes / GiB} GiB` : `${bytes / MiB} MiB`;

export const sceneName = ({ kind, bytes, place }: PlannedScene): string =>
  `${kind} ${sizeText(bytes)} ${place}`;

/** Large enough to be steady, and small enough for many variants. */
const mostComparedBytes = 4 * GiB;

const ascending = (a: number, b: number) => a - b;

/** The scenes for one directory, quickest first; `full` adds those that one place is enough for. */
export function planScenes(
  options: Options,
  place: 'tmpfs' | 'disk',
  full: boolean,
): PlannedScene[] {
  const sizes = [...new Set(options.sizes)].sort(ascending);
  const { threads } = options;
  const nodes: Variant[] = findNodes().map(({ version, path }) => ({
    label: `node=${version}`,
    node: path,
    options: [],
  }));
  const counts = Array.from({ length: threads }, (_, i) => i + 1);
  const workers: Variant[] = counts.map((count) => ({
    label: `threads=${count}`,
    node: process.execPath,
    options: ['--threads', String(count)],
  }));
  const scene = (kind: string, bytes: number, reference: string, teams: readonly Team[]) => ({
    kind,
    place,
    bytes,
    reference,
    teams,
  });
  const allowed = (bytes: number) =>
    peers.filter(({ mostBytes }) => mostBytes === undefined || bytes <= mostBytes);
  const compared =
    sizes.filter((bytes) => bytes <= mostComparedBytes).at(-1) ?? (sizes[0] as number);

  const perSize = sizes.flatMap((bytes) => {
    const hybrid = [copyTeam, strongroomTeam('hybrid')];
    if (!full) return [scene('hybrid', bytes, 'cp', hybrid)];
    const references = [stagesTeam(['blake3'], threads), opensslSpeedTeam];
    const cnsa2 = [copyTeam, strongroomTeam('cnsa2'), stagesTeam(['sha384'], threads)];
    return [
      scene('hybrid', bytes, 'cp', [...hybrid, ...references, ...allowed(bytes)]),
      scene('cnsa2', bytes, 'cp', cnsa2),
      scene('reads', bytes, 'raw', [readsTeam]),
    ];
  });
  if (!full) return perSize;
  return [
    scene('start-up', 4 * MiB, 'node', [startUpTeam(nodes.slice(1))]),
    ...perSize,
    scene('workers', compared, 'cp', [copyTeam, ...variantTeams(workers)]),
    scene('nodes', compared, 'cp', [copyTeam, ...variantTeams(nodes)]),
  ];
}
