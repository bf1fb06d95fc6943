/**
 * The plan of a ceremony: who takes part in which role, and what quorum their keys make. It is
 * written, read and agreed on before anyone sits down (docs/format.md, "Ceremonies").
 */
import { z } from 'zod';
import { quorumLimits } from '../../archive/quorum.ts';
import { base64 } from '../../bytes.ts';
import { sha384 } from '../../crypto/hash.ts';
import type { SuiteName } from '../../crypto/suites.ts';
import { suites } from '../../crypto/suites.ts';
import { StrongroomError } from '../../errors.ts';
import { decodeAnyLayout } from '../../json.ts';
import { schemas } from '../../keys/signed.ts';

export const maxPlanBytes = 65536;

/** So that a transcript, which holds every card, stays within its bound. */
export const maxPeople = 64;

const name = schemas.name();

/** Whoever signs the transcript may bring a key that others trust already. */
const signer = z.strictObject({ name, identity: z.string().min(1).max(4096).exactOptional() });

export const groupsSchema = z
  .array(
    z.strictObject({
      custodians: z.array(name).min(1).max(maxPeople),
      name: schemas.name(quorumLimits.groupName),
      threshold: z.int().min(1).max(maxPeople),
    }),
  )
  .min(1)
  .max(quorumLimits.groups);

export const titleSchema = name;

const planSchema = z.strictObject({
  type: z.literal('strongroom/ceremony-plan'),
  version: z.literal(1),
  title: titleSchema,
  suite: z.enum(Object.keys(suites) as SuiteName[]).exactOptional(),
  expires: schemas.time.exactOptional(),
  administrator: signer,
  witnesses: z.array(signer).min(1).max(16),
  groups: groupsSchema,
});

export type Groups = z.infer<typeof groupsSchema>;

export const roleNames = ['administrator', 'witness', 'custodian'] as const;
export type CeremonyRole = (typeof roleNames)[number];

export interface Participant {
  readonly name: string;
  readonly role: CeremonyRole;
  /** Path of the identity that they bring, as the plan has it. */
  readonly identity?: string | undefined;
}

export interface Plan {
  readonly title: string;
  readonly suite: SuiteName;
  /** Of the keys that are made; without it they do not expire. */
  readonly expires?: string | undefined;
  /** Administrator, witnesses, then custodians, in the plan's order. */
  readonly people: readonly Participant[];
  readonly groups: Groups;
  /** Base64: SHA-384 over the file. */
  readonly digest: string;
}

/**
 * Reads a plan.
 * @param file its path, for messages.
 * @throws StrongroomError `CEREMONY_PLAN_INVALID`.
 */
export function decodePlan(bytes: Uint8Array, file: string): Plan {
  const refuse = (why: string) =>
    new StrongroomError('CEREMONY_PLAN_INVALID', `${file}: ${why}`, { file });
  const parsed = decodeAnyLayout(bytes, planSchema, {
    what: file,
    file,
    code: 'CEREMONY_PLAN_INVALID',
    maxBytes: maxPlanBytes,
  });
  const { administrator, witnesses, groups, title, suite = 'hybrid', expires } = parsed;
  const people: Participant[] = [
    { ...administrator, role: 'administrator' },
    ...witnesses.map((witness) => ({ ...witness, role: 'witness' as const })),
    ...custodiansOf(groups).map((each) => ({ name: each, role: 'custodian' as const })),
  ];
  const fault = faultIn(people, groups);
  if (fault !== undefined) throw refuse(fault);
  const digest = base64(sha384(bytes));
  return { title, suite, expires, people, groups, digest };
}

export const custodiansOf = (groups: Groups): string[] =>
  groups.flatMap(({ custodians }) => custodians);

/** What is wrong with people and groups beyond their shape; `undefined` if nothing is. */
export function faultIn(
  people: readonly { readonly name: string }[],
  groups: Groups,
): string | undefined {
  if (people.length > maxPeople) return `more than ${maxPeople} people`;
  const names = new Set<string>();
  for (const person of people) {
    // One person in two roles would watch over themselves
    if (names.has(person.name)) return `${person.name} is named twice`;
    names.add(person.name);
  }
  const groupNames = new Set(groups.map((group) => group.name));
  if (groupNames.size < groups.length) return 'two groups have one name';
  for (const { name: group, threshold, custodians } of groups) {
    if (threshold <= custodians.length) continue;
    return `${group}: ${threshold} of ${custodians.length} cannot agree`;
  }
  return undefined;
}
