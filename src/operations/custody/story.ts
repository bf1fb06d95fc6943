/** A custody file as a story: what happened, when, by whose word. */

import type { Card } from '../../keys/card.ts';
import { signsWith } from '../../keys/signed.ts';
import { type Change, gapsIn, type Step } from '../../provenance/statements/chain.ts';
import type { EventName } from '../../provenance/statements/statement.ts';

/** A key, with the name on a card that the reader has. */
export interface Named {
  readonly key: string;
  readonly name?: string;
}

/** One line of a custody file. */
export interface Happening {
  readonly line: number;
  /** As the signer states it. */
  readonly time: string;
  /** A change of access is one of four kinds. */
  readonly event: Exclude<EventName, 'access'> | Change;
  /** Signing key ids; the name is that on a card that the reader has. */
  readonly by: { readonly keys: readonly string[]; readonly name?: string };
  /** Of the key ring: since a change of access, or by which something was done. */
  readonly epoch: number;
  /** Who can open it from then on, or no longer. */
  readonly added?: readonly Named[];
  readonly removed?: readonly Named[];
  /** Of a gap: the first epoch that nothing is known of. */
  readonly unknownFrom?: number;
  /** Recipients that are not named. */
  readonly hidden?: number;
  /** How many quorums can open it. */
  readonly quorums?: number;
  /** The archive that it was sealed in before, or after. */
  readonly from?: { readonly archive: string; readonly contentRoot: string };
  readonly to?: { readonly archive: string; readonly contentRoot: string };
  /** Custodians who approved. */
  readonly approved?: readonly Named[];
  /** The quorum that released it, or by which it was opened. */
  readonly quorum?: string;
  /** Whether all of it was opened. */
  readonly whole?: boolean;
}

/** @param cards by which names are found. */
export function storyOf(steps: readonly Step[], cards: readonly Card[]): Happening[] {
  const nameOf = namesOf(cards);
  const names = new Map(cards.map((card) => [card.kem.id, nameOf(card)]));
  const named = (keys: readonly string[]): Named[] =>
    keys.map((key) => {
      const name = names.get(key);
      return name === undefined ? { key } : { key, name };
    });
  const gaps = new Map(gapsIn(steps).map(({ line, from }) => [line, from]));
  return steps.map((step, i) => {
    const from = gaps.get(i + 1);
    const happening = happeningOf(step, named, nameOf, cards);
    return from === undefined ? happening : { ...happening, unknownFrom: from };
  });
}

/** Names of cards; where two are alike, with the fingerprint that tells them apart. */
function namesOf(cards: readonly Card[]): (card: Card) => string {
  const owners = new Map<string, Set<string>>();
  for (const { name, fingerprint } of cards) {
    const same = owners.get(name) ?? new Set();
    owners.set(name, same.add(fingerprint));
  }
  return ({ name, fingerprint }) =>
    (owners.get(name)?.size ?? 0) > 1 ? `${name} (${fingerprint})` : name;
}

function happeningOf(
  { statement, change }: Step,
  named: (keys: readonly string[]) => Named[],
  nameOf: (card: Card) => string,
  cards: readonly Card[],
): Happening {
  const { number, time, signer, ring } = statement.predicate;
  const by = cards.find((card) => signsWith(card, signer));
  const common = {
    line: number,
    time,
    by: { keys: signer, ...(by === undefined ? {} : { name: nameOf(by) }) },
    epoch: ring.epoch,
  };
  switch (statement.event) {
    case 'sealed': {
      const { recipients, hidden, quorums, from } = statement.predicate;
      const access = { added: named(recipients), hidden, quorums: quorums.length };
      return { ...common, event: 'sealed', ...access, ...(from === undefined ? {} : { from }) };
    }
    case 'access': {
      const { added, removed, hidden, quorums } = statement.predicate;
      const access = { added: named(added), removed: named(removed), hidden };
      return { ...common, event: change ?? 'changed', ...access, quorums: quorums.length };
    }
    case 'gap': {
      const { recipients, hidden, quorums } = statement.predicate;
      const access = { added: named(recipients), hidden, quorums: quorums.length };
      return { ...common, event: 'gap', ...access };
    }
    case 'rekeyed':
      return { ...common, event: 'rekeyed', to: statement.predicate.to };
    case 'released': {
      const { approvals, split } = statement.predicate;
      const approved = named(approvals.map(({ key }) => key));
      return { ...common, event: 'released', approved, quorum: split };
    }
    case 'opened': {
      const { whole, quorum } = statement.predicate;
      return { ...common, event: 'opened', whole, ...(quorum === undefined ? {} : { quorum }) };
    }
  }
}
