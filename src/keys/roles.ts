/** What somebody is trusted to do: docs/format.md#trust-policies */
import { z } from 'zod';

const roles = ['author', 'custodian', 'witness'] as const;
export type Role = (typeof roles)[number];

/** Roles, each at most once. */
export const rolesSchema = z
  .array(z.enum(roles))
  .refine((list) => new Set(list).size === list.length, 'a role twice');
