/**
 * Claims that have a meaning: what an author says of a model in its seal, in members that
 * every reader understands alike. Others may stand beside them (docs/provenance.oms.md).
 */
import { z } from 'zod';
import type { Claims } from '../archive/seal.ts';
import { StrongroomError } from '../errors.ts';
import { maxParents, parentSchema } from './lineage.ts';

const text = (most: number) => z.string().min(1).max(most);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 digest in hex');

const known = z.object({
  /** Of the model, and which version of it. */
  name: text(255).exactOptional(),
  version: text(255).exactOptional(),
  /** An SPDX licence expression, such as `Apache-2.0`. */
  license: text(1024).exactOptional(),
  /** The model card as a file: its digest, and where it can be read. */
  modelCard: z.strictObject({ sha256, uri: text(4096).exactOptional() }).exactOptional(),
  /** What the model was derived from. */
  parents: z.array(parentSchema).min(1).max(maxParents).exactOptional(),
  /** How it was trained: data sets, and any other facts. */
  training: z
    .looseObject({
      datasets: z
        .array(
          z.strictObject({
            name: text(1024),
            sha256: sha256.exactOptional(),
            uri: text(4096).exactOptional(),
          }),
        )
        .max(256)
        .exactOptional(),
    })
    .exactOptional(),
});

export type KnownClaims = z.infer<typeof known>;

/**
 * The claims that have a meaning; those of an author who wrote something else under their
 * names are left out. Never throws.
 */
export function knownClaims(claims: Claims = {}): KnownClaims {
  const found = Object.entries(known.shape).flatMap(([name, schema]) => {
    const parsed = schema.safeParse(claims[name]);
    return parsed.success && parsed.data !== undefined ? [[name, parsed.data] as const] : [];
  });
  return Object.fromEntries(found);
}

/** Those that `knownClaims` does not have; `undefined` if there are none. */
export function otherClaims(claims: Claims = {}): Claims | undefined {
  const taken = knownClaims(claims);
  const others = Object.entries(claims).filter(([name]) => !Object.hasOwn(taken, name));
  return others.length === 0 ? undefined : Object.fromEntries(others);
}

/** @throws StrongroomError USAGE for a member that does not say what its name means. */
export function assertKnownClaims(claims: Claims): void {
  const parsed = known.safeParse(claims);
  if (parsed.success) return;
  const [issue] = parsed.error.issues;
  throw new StrongroomError('USAGE', `the claims: ${issue?.path.join('.')}: ${issue?.message}`, {
    hint: 'see the claims section of docs/provenance.oms.md',
  });
}
