/**
 * Whose word each line is, and whether that person may give it: the roles of a trust policy,
 * applied to custody files (docs/provenance.md#who-may-say-what).
 */
import { type ErrorCode, StrongroomError } from '../../errors.ts';
import { type Card, isValidAt } from '../../keys/card.ts';
import { assertSignedWhileActive } from '../../keys/enforce.ts';
import { statementVerifies } from '../../keys/envelope.ts';
import { type Trust, trustedCard } from '../../keys/policy.ts';
import { signsWith } from '../../keys/signed.ts';
import { isAhead, type Step } from './chain.ts';
import type { EventName } from './statement.ts';

export interface CustodyTrust {
  readonly trust: Trust;
  /** Of people who have no role, and yet may tell that they opened, or what was released to them. */
  readonly known?: readonly Card[] | undefined;
}

/** A line whose signer may say it. */
export interface Told extends Step {
  readonly by: Card;
}

type Finder = (who: CustodyTrust, keys: readonly string[], author: string) => Card | undefined;

const author: Finder = ({ trust }, keys) => trustedCard(trust, 'author', keys);

const anybody: Finder = ({ trust, known = [] }, keys) =>
  [...trust.entries.map(({ card }) => card), ...known].find((card) => signsWith(card, keys));

const granter: Finder = (who, keys, sealer) =>
  (keys.join() === sealer ? author(who, keys, sealer) : undefined) ??
  trustedCard(who.trust, 'custodian', keys);

/** Who may tell of what. */
const roles: Readonly<Record<EventName, readonly [words: string, find: Finder]>> = {
  sealed: ['trusted as an author', author],
  access: ['the author or trusted as a custodian', granter],
  gap: ['the author or trusted as a custodian', granter],
  rekeyed: ['trusted as an author', author],
  released: ['known', anybody],
  opened: ['known', anybody],
};

/**
 * Holds every line to be signed by someone who may say it.
 * @throws StrongroomError CUSTODY_UNTRUSTED, CUSTODY_BROKEN, KEY_COMPROMISED.
 */
export function trustSteps(steps: readonly Step[], who: CustodyTrust, file: string): Told[] {
  const sealer = steps[0]?.statement.predicate.signer.join() ?? '';
  return steps.map((step) => {
    const { statement, used } = step;
    const { number, signer, time } = statement.predicate;
    const refuse = (why: string, code: ErrorCode = 'CUSTODY_UNTRUSTED') =>
      new StrongroomError(code, `${file}: line ${number} ${why}`, { file });
    const [words, find] = roles[statement.event];
    const by = find(who, signer, sealer);
    if (by === undefined) throw refuse(`was signed by someone who is not ${words}`);
    if (!statementVerifies(statement.envelope, by)) {
      const message = `${file}: line ${number} has a wrong signature of ${by.name}`;
      const hint = 'restore the custody file from a copy';
      throw new StrongroomError('CUSTODY_UNTRUSTED', message, { file, hint });
    }
    if (isAhead(statement)) throw refuse(`states a time to come: ${time}`, 'CUSTODY_BROKEN');
    if (!isValidAt(by, time)) {
      throw refuse(`was signed at ${time}, when the card of ${by.name} was not valid`);
    }
    const name = `${file}: line ${number}`;
    const code = 'CUSTODY_UNTRUSTED';
    assertSignedWhileActive(who.trust, { by, time, name, verb: 'signed', code });
    if (statement.event === 'opened' && statement.predicate.quorum === undefined) {
      const could = used !== undefined && (used.hidden > 0 || used.recipients.has(by.kem.id));
      if (!could) throw refuse(`opens by a key of ${by.name}, who had no access`, 'CUSTODY_BROKEN');
    }
    return { ...step, by };
  });
}
