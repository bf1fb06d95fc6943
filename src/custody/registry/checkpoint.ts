/**
 * What a reader remembers of a registry, so that the removal of its latest events, which a
 * plain directory cannot show, is noticed: docs/registry.md#checkpoints
 */
import { z } from 'zod';
import { concat, utf8 } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';
import { decodeJson, encodeJson } from '../../json.ts';
import { readAtMost, withFile } from '../../keys/read.ts';
import { schemas } from '../../keys/signed.ts';

const maxCheckpointBytes = 2 ** 22;

const schema = z.strictObject({
  keys: z.record(
    schemas.keyId,
    z.strictObject({ digest: schemas.base64(48), number: z.int().min(1) }),
  ),
  registry: schemas.keyId,
  type: z.literal('strongroom/registry-checkpoint'),
  version: z.literal(1),
});

/** What a checkpoint pins: of every key the events in their order. */
interface Pinned {
  readonly id: string;
  readonly directory: string;
  readonly entries: readonly {
    readonly id: string;
    readonly life: readonly [PinnedEvent, ...PinnedEvent[]];
  }[];
}

interface PinnedEvent {
  readonly digest: string;
  readonly number: number;
}

/** The last event of every key. */
export type Checkpoint = z.infer<typeof schema>;

/** The bytes of a file that pins every event of the registry as it is now. */
export function encodeCheckpoint(registry: Pinned): Uint8Array {
  const keys = registry.entries.map(({ id, life }) => {
    const { digest, number } = life.at(-1) ?? life[0];
    return [id, { digest, number }] as const;
  });
  const checkpoint: Checkpoint = {
    keys: Object.fromEntries(keys),
    registry: registry.id,
    type: 'strongroom/registry-checkpoint',
    version: 1,
  };
  return concat(encodeJson(checkpoint), utf8('\n'));
}

/** @throws StrongroomError REGISTRY_INVALID, or the system's error. */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const bytes = await withFile(path, (fd) => readAtMost(fd, maxCheckpointBytes + 1));
  const kind = { what: path, code: 'REGISTRY_INVALID', maxBytes: maxCheckpointBytes } as const;
  if (bytes.at(-1) === 0x0a) return decodeJson(bytes.subarray(0, -1), schema, kind);
  throw new StrongroomError('REGISTRY_INVALID', `${path}: does not end with a newline`);
}

/**
 * Holds a registry to have every event that the checkpoint names; it may have more.
 * @throws StrongroomError REGISTRY_ROLLED_BACK.
 */
export function assertReached(checkpoint: Checkpoint, registry: Pinned, path: string): void {
  const refuse = (what: string) =>
    new StrongroomError('REGISTRY_ROLLED_BACK', `${registry.directory}: ${what}`, {
      file: registry.directory,
    });
  if (checkpoint.registry !== registry.id) {
    throw refuse(`another registry than the one that ${path} is of`);
  }
  const lives = new Map(registry.entries.map(({ id, life }) => [id, life]));
  for (const [id, { number, digest }] of Object.entries(checkpoint.keys)) {
    const found = lives.get(id)?.[number - 1];
    if (found === undefined) throw refuse(`event ${number} of the key ${id} is gone`);
    if (found.digest !== digest) throw refuse(`event ${number} of the key ${id} was replaced`);
  }
}
