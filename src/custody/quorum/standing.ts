/**
 * Whether whoever asks or answers still may, by what a reader knows of their key. The card in a
 * document is its signer's own word: a thief can write one that never expires.
 *
 * docs/registry.md#what-a-state-allows
 */
import { StrongroomError } from '../../errors.ts';
import { assertSealable, type Card, isValidAt } from '../../keys/card.ts';
import { assertMayProtect, assertSignedWhileActive } from '../../keys/enforce.ts';
import { sharesKey, type Trust } from '../../keys/policy.ts';
import type { Answer } from './answer.ts';

/** The card that is trusted, in whatever role, of whoever shows `card`. */
export const knownCard = (trust: Trust, card: Card): Card | undefined =>
  trust.entries.find((entry) => sharesKey(entry.card, card))?.card;

/**
 * Holds someone fit to be given the file key, or to give a share of it.
 * @param now RFC 3339.
 * @throws StrongroomError `KEY_STATE`, `KEY_UNLISTED`, `CARD_EXPIRED`.
 */
export function assertMayTakePart(trust: Trust, card: Card, now: string): void {
  assertMayProtect(trust, [card], now);
  const known = knownCard(trust, card);
  if (known !== undefined) assertSealable(known, known.suite, now);
}

/**
 * Holds an answer to be from a time when the key of its custodian was good.
 * @throws StrongroomError `APPROVAL_INVALID`, `KEY_COMPROMISED`.
 */
export function assertInGoodStanding(trust: Trust, { card, signed, name }: Answer): void {
  const by = knownCard(trust, card);
  if (by === undefined) return;
  const code = 'APPROVAL_INVALID';
  const time = signed.created;
  if (!isValidAt(by, time)) {
    const message = `${name}: it was made at ${time}, when the card of ${by.name} was not valid`;
    throw new StrongroomError(code, message, { file: name });
  }
  assertSignedWhileActive(trust, { by, time, name, verb: 'signed', code });
}
