import type { Command } from 'commander';
import { shownName } from '../engine/remote/location.ts';
import type { Proof } from '../index.ts';
import { assertThere, freshnessOf, trustOf, unlockIdentity } from './access.ts';
import { startAhead } from './ahead.ts';
import { bytes, plural, proved, who } from './format.ts';
import { readLedgerPolicy } from './ledger/shared.ts';
import { claimRows, lineage } from './lineage.ts';
import { report, table } from './messages.ts';
import { readOmsPublicKey } from './oms/keys.ts';
import {
  type AccessOptions,
  archiveOptions,
  freshnessOptions,
  jsonOption,
  passphraseOptions,
  runOptions,
  trustOptions,
} from './options.ts';
import { operate } from './progress.ts';

interface Options extends Omit<AccessOptions, 'identity'> {
  readonly identity?: string;
  readonly requirePq?: boolean;
  readonly requireLedger?: string;
  readonly custody?: string;
  readonly ledgerProof?: string;
  readonly oms?: boolean;
  readonly omsKey?: string;
  readonly threads?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addVerify(program: Command): void {
  const command = program
    .command('verify')
    .summary('check author and integrity, without any key')
    .description(
      'Checks who sealed ARCHIVE and every byte of it. With an identity, also that its key fits.',
    )
    .argument('<ARCHIVE>', 'what to verify')
    .addHelpText(
      'before',
      `Examples:
  strongroom verify weights.srm --signer lab.key.card
  strongroom verify weights.srm --trust policy.json --json
  strongroom verify https://store.example/weights.srm --signer lab.key.card
  strongroom verify weights.srm --signer lab.key.card -i partner.key
  strongroom verify weights.srm --trust policy.json --require-pq
  strongroom verify weights.srm --trust policy.json --require-ledger log.policy
  strongroom verify w.srm --trust p.json -i partner.key --oms-key oms.pub.pem
`,
    )
    .option('-i, --identity <FILE>', 'check what only a key can see as well')
    .option('--require-pq', 'refuse what only classical signatures prove')
    .option('--require-ledger <POLICY>', 'demand a proof that its sealing is in a log')
    .option('--custody <FILE>', 'a custody file that is not beside the archive')
    .option('--oms', 'demand a signature over its files by a trusted author, in it')
    .option('--oms-key <PEM>', 'demand a bundle over its files by this ECDSA key, in it')
    .option('--ledger-proof <FILE>', 'that proof, if it is not beside the custody file');
  jsonOption(
    runOptions(passphraseOptions(freshnessOptions(archiveOptions(trustOptions(command))))),
  ).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  assertThere(archive);
  await startAhead(archive, options);
  const trust = await trustOf(options);
  const { verify } = await import('../index.ts');
  const freshness = await freshnessOf(options);
  const { requireLedger, custody, ledgerProof: proof, requirePq: quantumSafeOnly } = options;
  const policy =
    requireLedger === undefined ? undefined : await readLedgerPolicy({ policy: requireLedger });
  const ledger = policy && { policy, custody, proof };
  const key = options.omsKey === undefined ? undefined : await readOmsPublicKey(options.omsKey);
  const oms = options.oms || key !== undefined ? { key, envelope: options.oms } : undefined;
  const demands = { quantumSafeOnly, ledger, oms };
  const identity =
    options.identity === undefined ? undefined : await unlockIdentity(options.identity, options);
  try {
    const found = await operate('verifying', options, (run) =>
      verify(archive, {
        ...run,
        ...freshness,
        ...demands,
        trust,
        identity,
        keyring: options.keyring,
      }),
    );
    const { author, keyring, claims, rekeyed } = found;
    const lines = table([
      ['verified', shownName(archive)],
      ['author', who(author)],
      ['sealed at', found.sealedAt],
      ['suite', found.suite],
      ['content', found.contentRoot],
      ['payload', `${bytes(found.payloadBytes)}, ${plural(found.segments, 'segment')}`],
      [
        'key ring',
        `epoch ${keyring.epoch}, ${plural(keyring.recipients, 'recipient')}, ` +
          (keyring.quorums > 0 ? `${plural(keyring.quorums, 'quorum')}, ` : '') +
          `granted by ${who(keyring.grantedBy)}`,
      ],
      ...(await claimRows(claims)),
      ...lineage(rekeyed),
      ['own key', keyring.unlocked ? 'fits' : undefined],
      ...found.proofs.map(provedRow),
    ]);
    report(options, found, options.quiet ? [] : lines);
  } finally {
    identity?.wipe();
  }
}

const provedRow = (proof: Proof, i: number) => [i === 0 ? 'proved' : '', proved(proof)] as const;
