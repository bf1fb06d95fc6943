/** The people at a ceremony: what each is asked, and the keys that are made or brought. */
import { dirname, join, resolve } from 'node:path';
import { wipe } from '../../bytes.ts';
import type { Argon2Cost } from '../../crypto/argon2.ts';
import type { Console, Question } from '../../custody/ceremony/console.ts';
import type { Participant, Plan } from '../../custody/ceremony/plan.ts';
import type { CeremonyRecord } from '../../custody/ceremony/record.ts';
import { fingerprintQuestion, isSame } from '../../custody/ceremony/spoken.ts';
import { isStrongroomError, StrongroomError } from '../../errors.ts';
import type { Anchor } from '../../keys/anchor/anchor.ts';
import { assertSealable, type Card, encodeCard } from '../../keys/card.ts';
import { createIdentity, encodeIdentity, type Identity } from '../../keys/identity.ts';
import { timeOf } from '../../time.ts';
import { readIdentity, writeNew } from '../keyfiles.ts';

/** What all steps share. */
export interface Room {
  readonly plan: Plan;
  /** Path of the plan, which brought identities are relative to. */
  readonly planPath: string;
  readonly console: Console;
  readonly record: CeremonyRecord;
  /** Directory where new files wait until the ceremony is over. */
  readonly staging: string;
  /** For identities that are brought. */
  readonly anchors: readonly Anchor[];
  /** Of the passphrases of new keys. */
  readonly cost: Argon2Cost | undefined;
}

export interface Person extends Participant {
  readonly card: Card;
  /** Path of the identity: staged, or the one that was brought. */
  readonly path: string;
  /** Name of the new identity's file; absent for one that was brought. */
  readonly file?: string;
}

const maxTries = 3;

/**
 * Asks until the answer is right, three times at most; every wrong one is a deviation.
 * @param question made anew for each try.
 * @throws StrongroomError `CEREMONY_STOPPED`.
 */
export async function confirm(
  { console, record }: Pick<Room, 'console' | 'record'>,
  what: string,
  question: () => Required<Question>,
  isRight = isSame,
): Promise<void> {
  for (let left = maxTries; left > 0; left -= 1) {
    const asked = question();
    if (isRight(await console.ask(asked), asked.shown)) return;
    record.deviation(`${asked.who} gave a wrong answer: ${what}`);
    console.say('that is not right');
  }
  throw new StrongroomError('CEREMONY_STOPPED', `${what}: wrong ${maxTries} times`);
}

/** Makes the key of a participant, or reads the card of the one that they bring. */
export async function introduce(room: Room, one: Participant, listener: string): Promise<Person> {
  const { console, record } = room;
  console.say('');
  console.say(`${one.name}, ${one.role}`);
  const person = one.identity === undefined ? await make(room, one) : await bring(room, one);
  const { fingerprint } = person.card;
  console.say(`${one.name}, read your fingerprint aloud; everyone writes it down: ${fingerprint}`);
  for (const who of [one.name, listener]) {
    const what = `the fingerprint of ${one.name}`;
    await confirm(room, what, () => fingerprintQuestion(who, one.name, fingerprint));
  }
  record.step(
    `${one.name} and ${listener} confirmed the fingerprint ${fingerprint} of ${one.name}`,
  );
  return person;
}

async function make(
  { plan, console, record, staging, cost }: Room,
  one: Participant,
): Promise<Person> {
  const { suite, expires } = plan;
  const file = `${fileNames(plan).get(one.name)}.key`;
  const path = join(staging, file);
  const identity = createIdentity({ name: one.name, suite, expires });
  let passphrase: Uint8Array | undefined;
  try {
    const what = 'choose the passphrase of your key, while the others look away';
    passphrase = await console.passphrase({ who: one.name, what }, true);
    writeNew([
      { path, bytes: encodeIdentity(identity, { passphrase, ...(cost && { cost }) }), mode: 0o600 },
      { path: `${path}.card`, bytes: encodeCard(identity.card), mode: 0o644 },
    ]);
    record.step(`${one.name} made a key as ${one.role}`);
    return { ...one, card: identity.card, path, file };
  } finally {
    if (passphrase !== undefined) wipe(passphrase);
    identity.wipe();
  }
}

/** Unlocks it at once, so that nobody finds at the end that they cannot sign. */
async function bring(room: Room, one: Participant): Promise<Person> {
  const path = resolve(dirname(room.planPath), one.identity ?? '');
  const { card } = await readIdentity(path);
  if (card.name !== one.name || card.signing.length === 0 || card.imported) {
    throw new StrongroomError(
      'CEREMONY_PLAN_INVALID',
      `${path}: it is not an identity of ${one.name} that can sign`,
      { file: path },
    );
  }
  assertSealable(card, card.suite, timeOf());
  const person = { ...one, card, path };
  await unlocked(room, person, 'unlock the key that you bring', () => {});
  room.record.step(`${one.name} brought a key as ${one.role}`);
  return person;
}

/**
 * Unlocks a person's key with the passphrase that they type: three tries at most.
 * @throws StrongroomError `CEREMONY_STOPPED`.
 */
export async function unlocked<T>(
  { console, record, anchors }: Room,
  person: Person,
  what: string,
  use: (identity: Identity) => T,
): Promise<T> {
  for (let left = maxTries; left > 0; left -= 1) {
    const file = await readIdentity(person.path);
    try {
      const ask = () => console.passphrase({ who: person.name, what }, false);
      const identity = await file.unlock(ask, anchors);
      try {
        return use(identity);
      } finally {
        identity.wipe();
      }
    } catch (error) {
      if (!isStrongroomError(error, 'PASSPHRASE_WRONG')) throw error;
      record.deviation(`${person.name} typed a wrong passphrase`);
      console.say('the passphrase is wrong');
    }
  }
  const message = `${person.name} could not unlock their key`;
  throw new StrongroomError('CEREMONY_STOPPED', message);
}

/** The letters and digits of each name, with a number where that comes twice. */
function fileNames({ people }: Plan): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const { name } of people) {
    const plain = asciiOf(name) || 'key';
    let free = plain;
    for (let number = 2; taken.has(free); number += 1) free = `${plain}-${number}`;
    taken.add(free);
    names.set(name, free);
  }
  return names;
}

const asciiOf = (name: string): string =>
  name
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64);
