import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import type { OmsSignature } from '../../index.ts';
import { shortKeyId } from '../../text.ts';
import { assertThere, trustOf } from '../access.ts';
import { bytes, plural } from '../format.ts';
import { report, table } from '../messages.ts';
import { jsonOption, runOptions, type TrustOptions, trustOptions } from '../options.ts';
import { operate } from '../progress.ts';
import { readOmsPublicKey } from './keys.ts';

interface Options extends TrustOptions {
  readonly key?: string;
  readonly bundle?: string;
  readonly threads?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addOmsVerify(oms: Command): void {
  const command = oms
    .command('verify')
    .summary('verify a model in a directory')
    .description(
      'Checks whose work DIR is and every file in it. --key asks for a bundle by that key; --signer or --trust for a statement by an identity, safe from quantum computers. Whatever is asked for has to be there and to say the same.',
    )
    .argument('<DIR>', 'the model')
    .addHelpText(
      'before',
      `Examples:
  strongroom oms verify weights --key oms.pub.pem
  strongroom oms verify weights --key oms.pub.pem --signer lab.key.card
  strongroom oms verify weights --signer lab.key.card --bundle w.sig --json
`,
    )
    .option('--key <PEM>', 'trust this ECDSA public key')
    .option('--bundle <FILE>', 'the bundle, by default DIR/model.sig; identities sign beside it');
  jsonOption(runOptions(trustOptions(command))).action(run);
}

const words = (signature: OmsSignature): string =>
  signature.method === 'key'
    ? `ECDSA ${signature.curve}, ${shortKeyId(signature.hint)}: classical`
    : `${signature.algorithms.join(' and ')}, ${signature.name} (${signature.fingerprint}): quantum-safe`;

async function run(directory: string, options: Options): Promise<void> {
  const names = options.trust !== undefined || (options.signer ?? []).length > 0;
  if (!names && options.key === undefined) {
    throw new StrongroomError('NO_TRUST', 'nobody is named whose signature counts', {
      hint: 'name whom you trust: --key PEM, --signer CARD or --trust POLICY',
    });
  }
  const trust = names ? await trustOf(options) : undefined;
  const key = options.key === undefined ? undefined : await readOmsPublicKey(options.key);
  assertThere(directory);
  const { verifyOms } = await import('../../index.ts');
  const found = await operate('verifying', options, (run) =>
    verifyOms(directory, { ...run, key, trust, bundle: options.bundle }),
  );
  const lines = table([
    ['verified', `${found.name}, ${plural(found.files, 'file')}, ${bytes(found.bytes)}`],
    ['root', found.root],
    ...found.signatures.map((each, i) => [i === 0 ? 'signed by' : '', words(each)] as const),
    ['ignored', found.ignored.join(', ')],
  ]);
  report(options, found, options.quiet ? [] : lines);
}
