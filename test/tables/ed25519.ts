/**
 * Ed25519 signatures at the edges, where implementations differ ("Taming the many EdDSAs",
 * ePrint 2020/1244; docs/format.md, "Suites"). Each is built from points, scalars and small-order
 * components, since no honest signer makes it.
 */
import { createHash } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';

type Point = InstanceType<typeof ed25519.Point>;

export interface EdgeSignature {
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly verifies: boolean;
}

const { Point } = ed25519;
const order = Point.Fn.ORDER;
const prime = 2n ** 255n - 19n;

const little = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
const toBigInt = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
const modulo = (value: bigint): bigint => ((value % order) + order) % order;

/** A point of order 8. */
const torsion = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
const secret = 0x1234567890abcdefn;
const nonce = 0xfedcba0987654321n;

const challenge = (r: Uint8Array, a: Uint8Array, message: Uint8Array): bigint =>
  modulo(toBigInt(createHash('sha512').update(r).update(a).update(message).digest()));

/** [s]B with the encodings of R and A as they are: valid but for small-order components. */
function sign(
  name: string,
  verifies: boolean,
  r: Uint8Array,
  a: Uint8Array,
  { message = text('strongroom'), secretScalar = secret, nonceScalar = nonce, more = 0n } = {},
): EdgeSignature {
  const s = modulo(nonceScalar + challenge(r, a, message) * secretScalar) + more;
  return { name, verifies, publicKey: a, message, signature: Buffer.concat([r, little(s)]) };
}

const text = (words: string): Uint8Array => Buffer.from(words);

/** A message whose challenge is divisible by 8, or not: then a component of order 8 counts. */
function messageFor(r: Uint8Array, a: Uint8Array, divisible: boolean): Uint8Array {
  for (let i = 0; ; i++) {
    const message = text(`strongroom ${i}`);
    if ((challenge(r, a, message) % 8n === 0n) === divisible) return message;
  }
}

/** y + p where that fits into 255 bits: another spelling of the same point. */
const respelled = (point: Point): Uint8Array => {
  const bytes = point.toBytes();
  const sign = BigInt((bytes[31] ?? 0) >> 7) << 255n;
  const y = toBigInt(bytes) & (2n ** 255n - 1n);
  return little((y + prime) | sign);
};

export function edgeSignatures(): EdgeSignature[] {
  const [keyPoint, noncePoint] = [Point.BASE.multiply(secret), Point.BASE.multiply(nonce)];
  const [a, r] = [keyPoint.toBytes(), noncePoint.toBytes()];
  const mixedKey = keyPoint.add(torsion).toBytes();
  const mixedNonce = noncePoint.add(torsion).toBytes();
  const identity = Point.ZERO.toBytes();
  const small = Array.from({ length: 8 }, (_, i) =>
    i === 0 ? Point.ZERO : torsion.multiplyUnsafe(BigInt(i)),
  );
  const oneSignBit = identity.slice();
  oneSignBit[31] = 0x80;
  return [
    sign('as it should be', true, r, a),
    sign('S + L', false, r, a, { more: order }),
    sign('S + 8L', false, r, a, { more: 8n * order }),
    sign('R with a small-order component', false, mixedNonce, a),
    sign('A of mixed order, its component counts', false, r, mixedKey, {
      message: messageFor(r, mixedKey, false),
    }),
    sign('A of mixed order, its component cancelled', true, r, mixedKey, {
      message: messageFor(r, mixedKey, true),
    }),
    sign('R the identity', false, identity, a, { nonceScalar: 0n }),
    sign('R the identity, spelled otherwise', false, respelled(Point.ZERO), a, {
      nonceScalar: 0n,
    }),
    sign('R the identity with the sign bit', false, oneSignBit, a, { nonceScalar: 0n }),
    sign('R of small order that counts', false, torsion.toBytes(), a, { nonceScalar: 0n }),
    // Under these one signature would fit every message, or every eighth
    ...small.map((point, i) =>
      sign(`A of small order, ${i} times the generator`, false, r, point.toBytes(), {
        secretScalar: 0n,
        message: messageFor(r, point.toBytes(), true),
      }),
    ),
    sign('A the identity, spelled otherwise', false, r, respelled(Point.ZERO), {
      secretScalar: 0n,
    }),
    sign('A the identity with the sign bit', false, r, oneSignBit, { secretScalar: 0n }),
    sign('A without a point', false, r, little(2n), { secretScalar: 0n }),
    sign('R and A of small order', false, identity, small[1]?.toBytes() ?? identity, {
      nonceScalar: 0n,
      secretScalar: 0n,
      message: messageFor(identity, small[1]?.toBytes() ?? identity, true),
    }),
  ];
}
