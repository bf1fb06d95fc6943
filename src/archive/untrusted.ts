/** How a reader is told that an archive is not by anyone whom they trust. */
import { type ErrorCode, StrongroomError } from '../errors.ts';
import type { Trust } from '../keys/policy.ts';
import { signsWith } from '../keys/signed.ts';
import { shortKeyId } from '../text.ts';
import type { Core } from './core.ts';

type Untrusted = Extract<ErrorCode, 'KEYRING_UNTRUSTED' | 'SEAL_UNTRUSTED'>;

/** The error for an archive whose author, by the word of its core, nobody trusts as one. */
export function untrustedAuthor(core: Core, trust: Trust, name: string, code: Untrusted) {
  const error = (by: string, hint: string) =>
    new StrongroomError(code, `${name}: was sealed by ${by}`, { file: name, hint });
  const known = trust.entries.find(({ card }) => signsWith(card, core.authors));
  if (known !== undefined) {
    return error(
      `${known.card.name}, whom you do not trust as an author`,
      'give them that role in the policy, if you mean them to have it',
    );
  }
  return error(
    `${shortKeyId(core.authors[0])}, ${instead(trust)}`,
    'see whose key that is with "strongroom inspect --card CARD"; trust that card if you know whose it is',
  );
}

function instead({ entries }: Trust): string {
  const [author, ...others] = entries.filter(({ roles }) => roles.includes('author'));
  if (author === undefined) return 'and you trust nobody as an author';
  if (others.length > 0) return `who is none of the ${others.length + 1} authors whom you trust`;
  return `not by ${author.card.name}, whom you trust`;
}
