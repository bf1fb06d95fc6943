/**
 * A key ceremony: several people at one machine without a network make the keys of a quorum,
 * step by step, each watched by the others, and all of it on record.
 *
 * Nothing has its final name before the recovery rehearsal has passed and everyone has signed:
 * a ceremony that stops leaves no keys behind.
 */
import { join } from 'node:path';
import { fromBase64, hex } from '../../bytes.ts';
import type { Argon2Cost } from '../../crypto/argon2.ts';
import type { Console } from '../../custody/ceremony/console.ts';
import { defaultRoutes } from '../../custody/ceremony/offline.ts';
import { custodiansOf, decodePlan, maxPlanBytes, type Plan } from '../../custody/ceremony/plan.ts';
import { createRecord } from '../../custody/ceremony/record.ts';
import { rehearseRecovery } from '../../custody/ceremony/recovery.ts';
import {
  decodeTranscript,
  encodeTranscript,
  signTranscript,
  type TranscriptBody,
} from '../../custody/ceremony/transcript.ts';
import { createDirectory } from '../../engine/output.ts';
import { StrongroomError } from '../../errors.ts';
import type { Anchor } from '../../keys/anchor/anchor.ts';
import type { Signature } from '../../keys/signed.ts';
import { timeOf } from '../../time.ts';
import { readSmallFile } from '../keyfiles.ts';
import { confirm, introduce, type Person, type Room, unlocked } from './people.ts';
import { publish, quorumName, transcriptName } from './publish.ts';

export interface CeremonyOptions {
  readonly console: Console;
  /** Path of the directory to be. */
  readonly output: string;
  /** Goes through all steps, and keeps the transcript alone, marked as a rehearsal. */
  readonly rehearsal?: boolean | undefined;
  /** For identities that participants bring. */
  readonly anchors?: readonly Anchor[] | undefined;
  /** What guessing a passphrase of the new keys costs, instead of the usual. */
  readonly cost?: Argon2Cost | undefined;
  /** What interfaces lead out of the machine, instead of asking the system. */
  readonly routes?: readonly string[] | undefined;
}

export interface CeremonyReport {
  readonly title: string;
  readonly rehearsal: boolean;
  readonly people: readonly {
    readonly name: string;
    readonly role: string;
    readonly fingerprint: string;
    /** In the output; absent for a key that was brought, and in a rehearsal. */
    readonly identity?: string;
  }[];
  readonly deviations: number;
  readonly transcript: string;
  /** For `seal`; absent in a rehearsal. */
  readonly quorum?: string;
}

/**
 * Holds the ceremony that the plan at `planPath` describes.
 * @throws StrongroomError `CEREMONY_PLAN_INVALID`, `CEREMONY_STOPPED`, `OUTPUT_EXISTS`, and of
 *   the console, such as `INTERRUPTED`.
 */
export async function holdCeremony(
  planPath: string,
  options: CeremonyOptions,
): Promise<CeremonyReport> {
  const { console, rehearsal = false, anchors = [], cost } = options;
  const plan = decodePlan(await readSmallFile(planPath, maxPlanBytes), planPath);
  const output = createDirectory(options.output);
  try {
    const record = createRecord();
    const room: Room = { plan, planPath, console, record, staging: output.path, anchors, cost };
    const created = timeOf();
    record.step(rehearsal ? 'the rehearsal of a ceremony begins' : 'the ceremony begins');
    await assemble(room, rehearsal);
    const routes = await checkOffline(room, options.routes ?? defaultRoutes());
    const people = await introduceAll(room);
    const recovery = await recover(room, people);
    await anythingElse(room);
    record.step('the ceremony ends');
    const body: TranscriptBody = {
      created,
      deviations: [...record.deviations],
      ended: timeOf(),
      groups: plan.groups,
      machine: {
        node: process.version,
        platform: `${process.platform} ${process.arch}`,
        ...(routes === undefined ? {} : { routes: [...routes] }),
      },
      people: people.map(({ card, role }) => ({ card: card.document, role })),
      plan: plan.digest,
      recovery,
      ...(rehearsal ? { rehearsal: true as const } : {}),
      steps: [...record.steps],
      suite: plan.suite,
      title: plan.title,
      type: 'strongroom/ceremony-transcript',
      version: 1,
    };
    const transcript = encodeTranscript(body, await signAll(room, people, body));
    decodeTranscript(transcript, transcriptName);
    publish(room, people, transcript, rehearsal);
    output.commit();
    return reportOf(plan, people, body, options.output, rehearsal);
  } finally {
    output.discard();
  }
}

async function assemble(room: Room, rehearsal: boolean): Promise<void> {
  const { plan, console, record } = room;
  const kind = rehearsal ? 'rehearsal of the ceremony' : 'ceremony';
  console.say(`${kind}: ${plan.title}`);
  // The digest that everyone can compare with the plan that they agreed on
  console.say(`plan: SHA-384 ${hex(fromBase64(plan.digest))}`);
  for (const { name, threshold, custodians } of plan.groups) {
    console.say(`${name}: ${threshold} of ${custodians.length}: ${custodians.join(', ')}`);
  }
  for (const { name, role } of plan.people) {
    const what = `type your name: you are here as ${role}, and know the plan`;
    const question = () => ({ who: name, what, shown: name });
    await confirm(room, `the name of ${name}`, question, isSameName);
    record.step(`${name} is present as ${role}`);
  }
}

const isSameName = (typed: string, name: string): boolean =>
  typed.trim().normalize('NFC') === name.trim().normalize('NFC');

/** Only a warning: some rooms have a network that people cannot switch off. */
async function checkOffline(
  { plan, console, record }: Room,
  routes: readonly string[] | undefined,
): Promise<readonly string[] | undefined> {
  if (routes?.length === 0) {
    record.step('no network interface of the machine has a default route');
    return routes;
  }
  const doubt =
    routes === undefined
      ? 'whether the machine is offline could not be found out'
      : `the machine is online: ${routes.join(', ')} has a default route`;
  console.say(`warning: ${doubt}`);
  record.deviation(doubt);
  const who = plan.people[0]?.name ?? '';
  const answer = await console.ask({ who, what: 'go on all the same? yes or no', shown: 'yes' });
  if (answer.trim().toLowerCase() === 'yes') return routes;
  throw new StrongroomError('CEREMONY_STOPPED', 'the administrator stopped it', {
    hint: 'take the machine off the network, then begin again',
  });
}

async function introduceAll(room: Room): Promise<Person[]> {
  const { people } = room.plan;
  const witnesses = people.filter(({ role }) => role === 'witness').map(({ name }) => name);
  const found: Person[] = [];
  for (const [i, one] of people.entries()) {
    // In turn, and never the same person as the one who reads
    const others = witnesses.filter((name) => name !== one.name);
    const listener = others[i % others.length] ?? people[0]?.name ?? '';
    found.push(await introduce(room, one, listener));
  }
  return found;
}

/** Every custodian types the passphrase anew and opens their share of a test key. */
async function recover(room: Room, people: readonly Person[]): Promise<TranscriptBody['recovery']> {
  const { plan, console, record } = room;
  console.say('');
  console.say('recovery rehearsal: all custodians open a test key together');
  const cards = new Map(people.map(({ name, card }) => [name, card]));
  const rehearsal = await rehearseRecovery(plan.groups, cards);
  try {
    const custodians = custodiansOf(plan.groups);
    for (const name of custodians) {
      const person = people.find((each) => each.name === name) as Person;
      const what = 'type your passphrase, to open your share of the test key';
      await unlocked(room, person, what, (identity) => rehearsal.approve(identity));
      record.step(`${name} opened a share of the test key`);
    }
    const split = await rehearsal.combine();
    const done = 'the custodians recovered the test key';
    record.step(done);
    console.say(done);
    return { custodians, split, time: timeOf() };
  } finally {
    rehearsal.wipe();
  }
}

/** So that a transcript stays within its bound. */
const maxRemarks = 100;

async function anythingElse({ plan, console, record }: Room): Promise<void> {
  const who = plan.people[0]?.name ?? '';
  const what = 'what went otherwise than planned? one thing at a time, empty when there is no more';
  console.say('');
  for (let left = maxRemarks; left > 0; left -= 1) {
    const answer = (await console.ask({ who, what, shown: '' })).trim();
    if (answer === '') return;
    record.deviation(answer);
  }
}

/** Administrator and witnesses look at what they are about to sign. */
async function signAll(
  room: Room,
  people: readonly Person[],
  body: TranscriptBody,
): Promise<Signature[][]> {
  const { console } = room;
  console.say('');
  console.say(`to be signed: ${body.title}, ${body.created} to ${body.ended}`);
  for (const { name, role, card } of people) console.say(`${role} ${name}: ${card.fingerprint}`);
  for (const { text, time } of body.deviations) console.say(`deviation at ${time}: ${text}`);
  if (body.deviations.length === 0) console.say('no deviations');
  const signatures: Signature[][] = [];
  for (const person of people) {
    if (person.role === 'custodian') continue;
    const what = 'type your passphrase, to sign that all of this is true';
    signatures.push(
      await unlocked(room, person, what, (identity) => signTranscript(body, identity)),
    );
  }
  return signatures;
}

const reportOf = (
  { title }: Plan,
  people: readonly Person[],
  { deviations }: TranscriptBody,
  directory: string,
  rehearsal: boolean,
): CeremonyReport => ({
  title,
  rehearsal,
  people: people.map(({ name, role, card, file }) => ({
    name,
    role,
    fingerprint: card.fingerprint,
    ...(file === undefined || rehearsal ? {} : { identity: join(directory, file) }),
  })),
  deviations: deviations.length,
  transcript: join(directory, transcriptName),
  ...(rehearsal ? {} : { quorum: join(directory, quorumName) }),
});
