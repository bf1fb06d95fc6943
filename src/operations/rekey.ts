/**
 * Rekeying: the same content in a new archive under a new file key, so that who lost access to
 * the old one cannot open the new one with a key that was kept.
 */
import type { Core } from '../archive/core.ts';
import type { Keyring } from '../archive/keyring.ts';
import { type Access, unlock } from '../archive/reader.ts';
import type { Predecessor } from '../archive/seal.ts';
import { assertTarFits } from '../archive/tarfit.ts';
import { hex } from '../bytes.ts';
import { type Freshness, holdEpoch } from '../custody/epochs/freshness.ts';
import { custodiansOf } from '../custody/quorum/split.ts';
import { assertReason, assertRecipients } from '../custody/ring/next.ts';
import { using } from '../engine/files.ts';
import { locationOf, openSource } from '../engine/locate.ts';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import { trustedCard } from '../keys/policy.ts';
import { signingIds } from '../keys/signed.ts';
import { type AnewOptions, sealAnew } from './anew.ts';
import type { CustodyOptions, Recorded } from './custody/place.ts';
import { prepareRekeyed } from './custody/rekeyed.ts';
import { assertHeirs, type QuorumChange, quorumChange } from './heirs.ts';
import { assertWritable } from './output/open.ts';

export interface RekeyOptions extends AnewOptions, Freshness, CustodyOptions {
  /** Who has the key of the old archive, if it is not the identity, such as a quorum. */
  readonly holder?: Access['identity'] | undefined;
}

export interface RekeyReport {
  readonly output: string;
  /** Hex, 32 bytes: of the new archive. */
  readonly archive: string;
  readonly contentRoot: string;
  /** Of the old archive; the others that its own seal named before it. */
  readonly rekeyed: readonly Predecessor[];
  readonly payloadBytes: number;
  readonly archiveBytes: number;
  readonly recipients: number;
  readonly quorums: number;
  readonly shares: number;
  /** How they differ from those of the old archive, if they do. */
  readonly quorumChange?: QuorumChange;
  /** Where it was told: in the file of the new archive, and in that of the old one. */
  readonly custody?: { readonly old?: Recorded; readonly new: Recorded };
}

/**
 * Seals the content of the archive at `path` anew, byte for byte and with its author's claims,
 * under a new file key. The old archive stays as it is. All of the new one is read back and
 * verified: a file before it gets its name, an object when it has it. Whoever opens it must
 * trust the identity as an author.
 * @throws StrongroomError GRANTER_UNTRUSTED, NO_RECIPIENTS, QUORUM_NEEDED, QUORUM_INVALID,
 *   SUITE_MISMATCH, CARD_EXPIRED, USAGE, EPOCH_ROLLBACK, OUTPUT_EXISTS, DISK_FULL, UPLOAD_BUSY,
 *   INTERRUPTED; and of any code that docs/format.md, "How to read", leads to.
 */
export async function rekey(path: string, options: RekeyOptions): Promise<RekeyReport> {
  assertReason(options.reason);
  if (options.output === '-') {
    throw new StrongroomError('USAGE', 'standard output cannot be read back and verified');
  }
  assertWritable(options.output, options);
  const { identity, holder = identity, trust, keyring, signal } = options;
  try {
    const recorder = await prepareRekeyed(path, options);
    const { beginning, made, old } = await using(
      openSource(locationOf(path), signal),
      async (source) => {
        const old = await unlock(source, { identity: holder, trust, keyring, signal });
        try {
          holdEpoch(old, options, source.name);
          assertSigner(old.core, options);
          assertHeirs(options, old.core, old.ring, trust);
          await assertTarFits(source, old);
          return { ...(await sealAnew(source.location, old, options)), old };
        } finally {
          old.wipe();
        }
      },
    );
    try {
      const { core, fileKey, ring } = beginning;
      const { entries } = old.manifest;
      const told = await recorder?.tell({ core, fileKey, seal: made.seal, entries });
      const { rekeyed = [], payload } = made.seal.predicate;
      const change = changeOf(old.ring, ring);
      return {
        output: options.output,
        archive: hex(core.archiveId),
        contentRoot: hex(made.seal.contentRoot),
        rekeyed,
        payloadBytes: payload.length,
        archiveBytes: made.footer.archiveBytes,
        recipients: options.recipients.length,
        quorums: options.quorums?.length ?? 0,
        shares: custodiansOf(options.quorums ?? []).length,
        ...(change === undefined ? {} : { quorumChange: change }),
        ...(told === undefined ? {} : { custody: told }),
      };
    } finally {
      beginning.wipe();
    }
  } catch (error) {
    throw asStrongroomError(error);
  }
}

function assertSigner(core: Core, { identity, trust }: RekeyOptions): void {
  assertRecipients([identity.card], core, trust);
  if (trustedCard(trust, 'author', signingIds(identity.card)) === undefined) {
    throw new StrongroomError(
      'GRANTER_UNTRUSTED',
      `${identity.card.name} is not trusted as an author, and signs the new archive as one`,
      { hint: 'let an author do it whom readers trust' },
    );
  }
}

const changeOf = (before: Keyring, after: Keyring): QuorumChange | undefined =>
  quorumChange(before.document.signed.quorums ?? [], after.document.signed.quorums ?? []);
