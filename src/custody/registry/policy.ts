/** Trust policies that name a registry: docs/format.md, "Trust policies". */
import { StrongroomError } from '../../errors.ts';
import { readPolicy as readPolicyWith, type Trust } from '../../keys/policy.ts';
import { type Registry, readRegistry } from './read.ts';

/**
 * Reads a trust policy, every card that it names, and its registry if it names one.
 * @throws StrongroomError `POLICY_INVALID`, as `readRegistry`, or the system's error.
 */
export const readPolicy = (path: string): Promise<Trust> =>
  readPolicyWith(path, ({ directory, ...options }) => readRegistry(directory, options));

/**
 * The registry that a policy names.
 * @throws StrongroomError `POLICY_INVALID` if it names none, and as `readPolicy`.
 */
export async function readPolicyRegistry(path: string): Promise<Registry> {
  let found: Registry | undefined;
  await readPolicyWith(path, async ({ directory, ...options }) => {
    found = await readRegistry(directory, options);
    return found;
  });
  if (found !== undefined) return found;
  throw new StrongroomError('POLICY_INVALID', `${path}: names no registry`, { file: path });
}
