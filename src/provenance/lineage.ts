/**
 * Lineage: the models that one was derived from, by the roots that name them for good
 * (docs/provenance.oms.md).
 */
import { z } from 'zod';
import type { Claims } from '../archive/seal.ts';
import { StrongroomError } from '../errors.ts';

/** Parents of one model. */
export const maxParents = 64;

const contentRoot = z.string().regex(/^([0-9a-f]{64}|[0-9a-f]{96})$/, 'not a content root');
const omsRoot = z.string().regex(/^[0-9a-f]{64}$/, 'not a root of model signing');

export const parentSchema = z.union(
  [z.strictObject({ contentRoot }), z.strictObject({ omsRoot })],
  'not {"contentRoot":hex} or {"omsRoot":hex}',
);

/**
 * A model by its content root, which names one sealed archive, or by its root of model
 * signing, which names the files wherever they are.
 */
export type Parent = z.infer<typeof parentSchema>;

/**
 * Reads a parent as people write it: a content root in hex, or `oms:` and a root of model
 * signing.
 * @throws StrongroomError USAGE.
 */
export function parseParent(text: string): Parent {
  const root = text.toLowerCase();
  const parent = root.startsWith('oms:') ? { omsRoot: root.slice(4) } : { contentRoot: root };
  const parsed = parentSchema.safeParse(parent);
  if (parsed.success) return parsed.data;
  throw new StrongroomError(
    'USAGE',
    `${text}: neither a content root nor a root of model signing`,
    {
      hint: 'give the content root that "strongroom inspect" shows, or oms:ROOT as "strongroom oms verify" shows it',
    },
  );
}

/** As `parseParent` reads it. */
export const formatParent = (parent: Parent): string =>
  'omsRoot' in parent ? `oms:${parent.omsRoot}` : parent.contentRoot;

/**
 * Claims with the parents among them.
 * @throws StrongroomError USAGE if they name parents already, or one is named twice.
 */
export function withParents(
  claims: Claims | undefined,
  parents: readonly Parent[] = [],
): Claims | undefined {
  if (parents.length === 0) return claims;
  if (claims !== undefined && Object.hasOwn(claims, 'parents')) {
    throw new StrongroomError('USAGE', 'the claims name parents already');
  }
  if (new Set(parents.map(formatParent)).size !== parents.length) {
    throw new StrongroomError('USAGE', 'a parent is named twice');
  }
  return { ...claims, parents: [...parents] };
}
