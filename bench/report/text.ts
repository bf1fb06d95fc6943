/** The measured part of docs/performance.md, between two markers. */
import { type BenchRecord, roundsOf, type Scene } from '../record.ts';
import { sceneTable } from '../tables.ts';
import { goalsTable } from './goals.ts';

const markers = { begin: '<!-- bench:begin -->', end: '<!-- bench:end -->' } as const;

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(0)} GiB`;

const methods: Readonly<Record<string, string>> = {
  wait4: 'CPU time and peak memory are those that wait4(2) gives.',
  proc: 'CPU time and peak memory were read from /proc every 10 ms.',
};

function setting({ date, commit, modified, machine, versions, method }: BenchRecord): string {
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const state = modified ? ', with changes' : '';
  return [
    `Measured ${date.slice(0, 10)} at commit ${commit.slice(0, 10)}${state}: ${machine.cpu}, ${machine.cores} cores, ${gibibytes(machine.memoryBytes)} memory, ${machine.system} ${machine.kernel}, ${machine.architecture}; ${list.join(', ')}.`,
    '',
    `Every contestant ran once in each round of a scene, interleaved, as a whole process; medians, with least and most in brackets. GB are 10^9 bytes. Ratios to the reference are taken within a round. Output was deleted between runs, outside the timed part, and on tmpfs its memory was kept warm; \`first run\` is from the warm-up round, and \`*\` marks output that took memory new to the scene. ${methods[method] ?? ''} What is named "alone" is a raw stage on all cores without start-up.`,
  ].join('\n');
}

const absentees = ({ absent }: BenchRecord): string => {
  const lines = absent.map(({ scene, name, why }) => `- ${scene}: ${name}: ${why}`);
  return lines.length === 0 ? '' : ['### Absent', '', ...lines, ''].join('\n');
};

const heading = (scene: Scene): string => `### ${scene.name}, ${roundsOf(scene)} rounds`;

export const measuredText = (record: BenchRecord): string =>
  [
    setting(record),
    '',
    '### Goals',
    '',
    goalsTable(record),
    '',
    ...record.scenes.flatMap((scene) => [heading(scene), '', sceneTable(scene), '']),
    absentees(record),
  ]
    .join('\n')
    .trimEnd();

/**
 * Puts `text` between the markers of a document, or at its end with new ones.
 * @throws Error when only one marker is there, or they are in the wrong order.
 */
export function insertMeasured(document: string, text: string): string {
  const { begin, end } = markers;
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  const block = `${begin}\n\n${text}\n\n${end}`;
  if (from < 0 && to < 0) return `${document.trimEnd()}\n\n${block}\n`;
  if (from < 0 || to < from) throw new Error('the markers of the document do not fit');
  return document.slice(0, from) + block + document.slice(to + end.length);
}
