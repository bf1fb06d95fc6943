import type { Command } from 'commander';
import { addOmsExport } from './export.ts';
import { addOmsSign } from './sign.ts';
import { addOmsVerify } from './verify.ts';

export function addOms(program: Command): void {
  const oms = program
    .command('oms')
    .summary('OpenSSF Model Signing: sign and verify models as files')
    .description(
      'OpenSSF Model Signing (OMS) v1.0 says which files a model has, for tools that know nothing of archives.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom oms sign weights --key oms.pem --sign lab.key
  strongroom oms verify weights --key oms.pub.pem --signer lab.key.card
  strongroom seal weights -o weights.srm -r a.card --sign lab.key --oms
  strongroom oms export weights.srm -i partner.key --signer lab.key.card
`,
    );
  for (const add of [addOmsSign, addOmsVerify, addOmsExport]) add(oms);
}
