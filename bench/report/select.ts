/** What the charts and tables show of a record. */
import { type BenchRecord, type Result, resultOf, type Scene } from '../record.ts';

const GiB = 2 ** 30;
const usualBytes = 4 * GiB;

/** Scenes of a kind in memory, smallest model first. */
export const scenesOf = (record: BenchRecord, kind: string, place = 'tmpfs'): Scene[] =>
  record.scenes
    .filter((scene) => scene.kind === kind && scene.place === place)
    .sort((a, b) => a.bytes - b.bytes);

/** The scene of 4 GiB, or the largest below, or else the smallest above. */
export function usualScene(record: BenchRecord, kind: string, place = 'tmpfs'): Scene | undefined {
  const scenes = scenesOf(record, kind, place);
  return scenes.filter(({ bytes }) => bytes <= usualBytes).at(-1) ?? scenes[0];
}

export interface Found {
  readonly scene: Scene;
  readonly result: Result;
}

/** A contestant in the usual scene, or in the largest smaller one that it took part in. */
export function find(record: BenchRecord, kind: string, name: string): Found | undefined {
  const most = usualScene(record, kind)?.bytes ?? 0;
  for (const scene of scenesOf(record, kind).reverse()) {
    const result = scene.bytes <= most ? resultOf(scene, name) : undefined;
    if (result !== undefined) return { scene, result };
  }
  return undefined;
}
