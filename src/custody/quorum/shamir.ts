/**
 * Shamir's secret sharing over GF(2^8) (docs/format.md, "Quorums"): of n shares any k give
 * the secret, and k − 1 tell nothing of it.
 *
 * The library's results are checked by whoever calls: too few shares, or altered ones, give
 * wrong bytes and no error.
 */
import { createRequire } from 'node:module';
import type * as Shamir from 'shamir-secret-sharing';
import { concat, equal, secretCopy, wipe } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';

// Loaded on first use: few archives have quorums.
const require = createRequire(import.meta.url);
const shamir = () => require('shamir-secret-sharing') as typeof Shamir;

/**
 * Shares of `secret`, each its ordinates and then its abscissa: one byte longer than the secret.
 * @param threshold k, from 1 to `count`.
 * @param count n, at most 255.
 */
export async function splitSecret(
  secret: Uint8Array,
  threshold: number,
  count: number,
): Promise<Uint8Array[]> {
  // A polynomial of degree 0, which the library does not make: everywhere the secret itself
  if (threshold === 1) {
    return Array.from({ length: count }, (_, i) => concat(secret, Uint8Array.of(i + 1)));
  }
  // The library refuses a Buffer
  const plain = secretCopy(secret);
  try {
    const shares = await shamir().split(plain, count, threshold);
    // The last ones, so that a fault in making them shows while the secret is still here
    const again = await combineShares(shares.slice(-threshold), threshold);
    const fits = equal(again, plain);
    wipe(again);
    if (fits) return shares;
    wipe(...shares);
    throw new StrongroomError('INTERNAL', 'the shares do not give their secret');
  } finally {
    wipe(plain);
  }
}

/**
 * What exactly `threshold` shares of different abscissas give: the secret, if they are right.
 * @throws StrongroomError `SHARE_INVALID` for two shares of one abscissa, or one that is zero.
 */
export async function combineShares(
  shares: readonly Uint8Array[],
  threshold: number,
): Promise<Uint8Array> {
  const used = shares.slice(0, threshold).map(secretCopy);
  const abscissas = new Set(used.map((share) => share.at(-1)));
  if (used.length < threshold || abscissas.size < threshold || abscissas.has(0)) {
    wipe(...used);
    throw new StrongroomError('SHARE_INVALID', 'the shares of a group do not go together');
  }
  try {
    return threshold === 1
      ? secretCopy((used[0] as Uint8Array).subarray(0, -1))
      : await shamir().combine(used);
  } finally {
    wipe(...used);
  }
}
