/** Claims from a file. */
import { StrongroomError } from '../errors.ts';
import type { Claims } from '../index.ts';

/** Of the file; what of it the seal can hold, `seal` decides. */
const maxClaimsFileBytes = 2 ** 20;

export async function readClaims(path: string): Promise<Claims> {
  const { readSmallFile } = await import('../index.ts');
  const bytes = await readSmallFile(path, maxClaimsFileBytes);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new StrongroomError('USAGE', `${path}: not JSON`, { file: path, cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Claims;
  throw new StrongroomError('USAGE', `${path}: claims are a JSON object`, { file: path });
}
