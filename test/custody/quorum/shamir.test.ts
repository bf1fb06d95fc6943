import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combineShares, splitSecret } from '#strongroom/custody/quorum/shamir.js';
import { codeOf } from '../../keys/helpers.ts';

/** k of n, and which shares are taken in which order. */
const deal = fc.integer({ min: 1, max: 9 }).chain((n) =>
  fc.record({
    n: fc.constant(n),
    k: fc.integer({ min: 1, max: n }),
    order: fc.shuffledSubarray([...Array(n).keys()], { minLength: n, maxLength: n }),
  }),
);
const pick = (shares: readonly Uint8Array[], order: readonly number[], count: number) =>
  order.slice(0, count).map((i) => shares[i] as Uint8Array);

describe('sharing a secret', () => {
  it('any k of n give it back', async () => {
    await fc.assert(
      fc.asyncProperty(deal, async ({ n, k, order }) => {
        const secret = new Uint8Array(randomBytes(32));
        const shares = await splitSecret(secret, k, n);
        expect(shares).toHaveLength(n);
        expect(shares.every((share) => share.length === 33)).toBe(true);
        expect(await combineShares(pick(shares, order, k), k)).toEqual(secret);
      }),
    );
  });

  it('k - 1 of n do not, whatever they are taken for', async () => {
    await fc.assert(
      fc.asyncProperty(deal, async ({ n, k, order }) => {
        fc.pre(k > 1);
        const secret = new Uint8Array(randomBytes(32));
        const few = pick(await splitSecret(secret, k, n), order, k - 1);
        expect(await codeOf(() => combineShares(few, k))).toBe('SHARE_INVALID');
        expect(await combineShares(few, k - 1)).not.toEqual(secret);
      }),
    );
  });

  it('uses k shares and none beyond, right or wrong', async () => {
    const secret = new Uint8Array(randomBytes(32));
    const [one, two, three] = (await splitSecret(secret, 2, 3)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const wrong = three.slice().fill(0, 0, 32);
    expect(await combineShares([one, two, wrong], 2)).toEqual(secret);
  });

  it('deals as many as there can be', async () => {
    const secret = new Uint8Array(randomBytes(32));
    const shares = await splitSecret(secret, 255, 255);
    expect(new Set(shares.map((share) => share[32])).size).toBe(255);
    expect(await combineShares(shares, 255)).toEqual(secret);
  });

  it('takes a Buffer, and leaves it as it is', async () => {
    const secret = randomBytes(32);
    const copy = Buffer.from(secret);
    const shares = (await splitSecret(secret, 2, 3)).map((share) => Buffer.from(share));
    expect(Buffer.from(await combineShares(shares, 2))).toEqual(copy);
    expect(secret).toEqual(copy);
  });

  it('refuses one share twice, and the abscissa that is the secret', async () => {
    const [one, two] = await splitSecret(new Uint8Array(32), 2, 2);
    const zero = (two as Uint8Array).slice();
    zero[32] = 0;
    for (const other of [one, zero] as Uint8Array[]) {
      expect(await codeOf(() => combineShares([one as Uint8Array, other], 2))).toBe(
        'SHARE_INVALID',
      );
    }
  });
});
