import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { StrongroomError } from '../errors.ts';
import type { Card } from '../index.ts';
import { shortKeyId } from '../text.ts';
import { readCards } from './access.ts';
import { type ChangeOptions, changeOptions, withChange } from './changes.ts';
import { tellRecorded } from './custody/options.ts';
import { plural } from './format.ts';
import { report, tell, warn } from './messages.ts';
import { collect } from './options.ts';

interface Options extends ChangeOptions {
  readonly recipient?: readonly string[];
  readonly recipients?: readonly string[];
  readonly yesLockMeOut?: boolean;
}

export function addRevoke(program: Command): void {
  const command = program
    .command('revoke')
    .summary('end the access of some')
    .description(
      'Takes recipients out of the key ring of ARCHIVE. Who had access may have kept the key: see "rekey".',
    )
    .argument('<ARCHIVE>', 'what they may not open any more')
    .addHelpText(
      'before',
      `Examples:
  strongroom revoke weights.srm -r bob.card -i me.key --trust policy.json
  strongroom revoke weights.srm -r 9f86d081884c7d65 -i me.key --trust p.json
  strongroom revoke weights.srm --recipients me.key.card --recipients a.card \\
    -i me.key --trust policy.json               these from now on, and no others
`,
    )
    .option('-r, --recipient <WHO>', 'a card, or a key id or its start; repeatable', collect)
    .option('--recipients <CARD>', 'who keeps access, and nobody else; repeatable', collect)
    .option('--yes-lock-me-out', 'lose access oneself');
  changeOptions(command).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  const { recipient, recipients, output, yesLockMeOut: lockMeOut } = options;
  if ((recipient === undefined) === (recipients === undefined)) {
    throw new StrongroomError('USAGE', 'name who loses access, or who keeps it', {
      hint: 'give -r CARD or --recipients CARD, each repeatable',
    });
  }
  const who =
    recipient === undefined
      ? { recipients: await readCards(recipients ?? []) }
      : { remove: await Promise.all(recipient.map(cardOrKey)) };
  const { revoke } = await import('../index.ts');
  const done = await withChange(archive, options, (change) =>
    revoke(archive, { ...change, ...who, output, lockMeOut }),
  );
  const names = done.removed.map(({ name, key }) => name ?? shortKeyId(key));
  if (names.length > 0) tell(`revoked the access of ${names.join(', ')}`, options);
  tell(
    `wrote epoch ${done.epoch} into ${done.output}: ${plural(done.recipients, 'recipient')}`,
    options,
  );
  tellRecorded(done.custody, options);
  if (done.stillHoldShares.length > 0) {
    warn(
      `still in a quorum, with a share each: ${done.stillHoldShares.join(', ')}`,
      'replace the holders with "strongroom quorum reshare"',
    );
  }
  warn(
    'whoever had access may have kept the key, or the files, or an older copy of the key ring',
    'seal the content under a new key, for who stays: "strongroom rekey"',
  );
  if (options.json) report(options, done, []);
}

/** A card if there is such a file, and otherwise a key id. */
async function cardOrKey(who: string): Promise<Card | string> {
  if (!existsSync(who) && /^[0-9a-f]{16,64}$/.test(who)) return who;
  const [card] = await readCards([who]);
  return card as Card;
}
