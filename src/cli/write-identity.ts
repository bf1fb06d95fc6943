import type { Anchor, Identity } from '../index.ts';

/**
 * Writes an identity and, beside it, its card; without a passphrase or an anchor the secret
 * is plain.
 */
export async function writeIdentity(
  identity: Identity,
  path: string,
  keep: (() => Promise<Uint8Array>) | Anchor | undefined,
): Promise<void> {
  const { encodeCard, encodeIdentity, writeNew } = await import('../index.ts');
  const passphrase = typeof keep === 'function' ? await keep() : undefined;
  let bytes: Uint8Array | undefined;
  try {
    bytes = encodeIdentity(
      identity,
      typeof keep === 'object'
        ? await keep.prepare(identity.card)
        : passphrase === undefined
          ? 'none'
          : { passphrase },
    );
    writeNew([
      { path, bytes, mode: 0o600 },
      { path: `${path}.card`, bytes: encodeCard(identity.card), mode: 0o644 },
    ]);
  } finally {
    passphrase?.fill(0);
    bytes?.fill(0);
  }
}
