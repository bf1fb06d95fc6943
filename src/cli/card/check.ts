import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import { timeOf } from '../../time.ts';
import { report, warn } from '../messages.ts';
import { jsonOption } from '../options.ts';
import { describe, lines } from './show.ts';

interface Options {
  readonly fingerprint?: string;
  readonly json?: boolean;
}

export function addCheck(card: Command): void {
  const command = card
    .command('check')
    .summary('check that a card is valid, and whose it is')
    .description('Checks signature and validity of a card, and its fingerprint if you give it.')
    .argument('<FILE>', 'a card or an identity')
    .addHelpText(
      'before',
      `Examples:
  strongroom card check partner.key.card
  strongroom card check partner.key.card --fingerprint 3HB9A-MEK7C-...
`,
    )
    .option('--fingerprint <F>', 'as its owner reads it out: case, dashes, spaces do not matter');
  jsonOption(command).action(run);
}

async function run(path: string, options: Options): Promise<void> {
  const wanted = options.fingerprint === undefined ? undefined : digitsOf(options.fingerprint);
  const { isValidAt, readCard } = await import('../../index.ts');
  const card = await readCard(path, { ofIdentity: true });
  const { fingerprint, expires, created } = card;
  if (wanted !== undefined && wanted !== digitsOf(fingerprint)) {
    throw new StrongroomError(
      'FINGERPRINT_MISMATCH',
      `${path}: its fingerprint is another one: ${fingerprint}`,
      { file: path },
    );
  }
  const now = timeOf();
  if (!isValidAt(card, now)) {
    const when = now < created ? `is not valid before ${created}` : `expired at ${expires}`;
    throw new StrongroomError('CARD_EXPIRED', `${path}: the card ${when}`, { file: path });
  }
  if (card.imported) {
    warn(`${path}: it was imported from bare keys, so nothing but you vouches for its name`);
  } else if (wanted === undefined) {
    warn(
      `${path}: whether it is ${card.name}'s is not checked`,
      'compare the fingerprint with its owner by voice, then give it with --fingerprint',
    );
  }
  report(options, { ...describe(card), fingerprintChecked: wanted !== undefined }, [
    ...lines(card),
    wanted === undefined ? 'the card is valid' : 'the card is valid and the fingerprint is its own',
  ]);
}

/** The 25 digits of a fingerprint, whichever way it is written down. */
function digitsOf(fingerprint: string): string {
  const digits = fingerprint
    .toUpperCase()
    .replace(/[\s-]/g, '')
    .replace(/[IL]/g, '1')
    .replaceAll('O', '0');
  if (/^[0-9A-HJKMNP-TV-Z]{25}$/.test(digits)) return digits;
  throw new StrongroomError('USAGE', `${fingerprint} is not a fingerprint`, {
    hint: 'it has 25 digits and letters, as "strongroom card show" prints it',
  });
}
