/** Who takes part in the vectors: fixed keys of each suite, public as they are in the repository. */
import { createIdentity, type Identity, type SuiteName } from '#strongroom/index.js';
import { reseed } from './deterministic.ts';

export const roles = ['author', 'reader', 'other', 'custodian', 'stranger'] as const;
export type Role = (typeof roles)[number];
export type People = Readonly<Record<Role, Identity>>;

/** When everyone's card was created. */
const created = '2026-01-01T00:00:00Z';
const expires = '2027-01-01T00:00:00Z';

export function peopleOf(suite: SuiteName): People {
  const make = (name: string) => {
    reseed(`${suite} ${name}`);
    return createIdentity({ name, suite, now: created, expires });
  };
  const people = Object.fromEntries(roles.map((role) => [role, make(role)]));
  return people as Record<Role, Identity>;
}
