import type { Identity } from '../index.ts';

/** Writes an identity and, beside it, its card; without a passphrase the secret is plain. */
export async function writeIdentity(
  identity: Identity,
  path: string,
  ask: (() => Promise<Uint8Array>) | undefined,
): Promise<void> {
  const { encodeCard, encodeIdentity, writeNew } = await import('../index.ts');
  const passphrase = await ask?.();
  let bytes: Uint8Array | undefined;
  try {
    bytes = encodeIdentity(identity, passphrase === undefined ? 'none' : { passphrase });
    writeNew([
      { path, bytes, mode: 0o600 },
      { path: `${path}.card`, bytes: encodeCard(identity.card), mode: 0o644 },
    ]);
  } finally {
    passphrase?.fill(0);
    bytes?.fill(0);
  }
}
