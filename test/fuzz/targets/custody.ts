/** Parsers of quorum documents, ceremonies and registries. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodePlan } from '#strongroom/custody/ceremony/plan.js';
import {
  decodeTranscript,
  encodeTranscript,
  signTranscript,
  type TranscriptBody,
} from '#strongroom/custody/ceremony/transcript.js';
import { decodeAnswer } from '#strongroom/custody/quorum/answer.js';
import { decodeQuestion } from '#strongroom/custody/quorum/question.js';
import { encodeCheckpoint, readCheckpoint } from '#strongroom/custody/registry/checkpoint.js';
import { decodeEvent, decodeHead } from '#strongroom/custody/registry/event.js';
import {
  addKeys,
  approveRequest,
  challengeQuorum,
  createIdentity,
  createRegistry,
  decodeRequestKey,
  encodeCard,
  encodeRequestKey,
  type Identity,
  proveShare,
  readQuorumSpec,
  readRegistry,
  requestQuorum,
  seal,
  trustCards,
} from '#strongroom/index.js';
import { encodeJson } from '#strongroom/json.js';
import { hold, mutateDocument, type Target } from '../target.ts';

const created = '2026-01-01T00:00:00Z';
const expires = '2099-01-01T00:00:00Z';
const made = (name: string) => createIdentity({ name, now: created });

/** Holds that what a parser takes is what was signed, to the byte. */
const onlyGenuine = (seeds: readonly Uint8Array[], parse: (bytes: Uint8Array) => unknown) => {
  const genuine = new Set(seeds.map((seed) => Buffer.from(seed).toString('base64')));
  return (input: Uint8Array) => {
    parse(input);
    hold(genuine.has(Buffer.from(input).toString('base64')), 'a document that nobody signed');
    return undefined;
  };
};

const signed = (
  name: string,
  seeds: readonly Uint8Array[],
  parse: (bytes: Uint8Array) => unknown,
): Target => ({ name, seeds, mutate: mutateDocument, parse: onlyGenuine(seeds, parse) });

const fromFile =
  (path: string, read: (path: string) => Promise<unknown>) => async (input: Uint8Array) => {
    writeFileSync(path, input);
    await read(path);
    return undefined;
  };

async function quorumTargets(scratch: string): Promise<readonly Target[]> {
  const [author, ada, ben] = ['author', 'Ada', 'Ben'].map(made) as [Identity, Identity, Identity];
  const file = join(scratch, 'model.bin');
  const output = join(scratch, 'quorum.srm');
  writeFileSync(file, 'weights');
  const custodians = [ada.card, ben.card];
  await seal(file, {
    output,
    recipients: [],
    quorums: [{ groups: [{ name: 'board', threshold: 2, custodians }] }],
    signer: author,
  });
  const trust = trustCards([author.card]);
  const details = { purpose: 'evaluation', expires, signer: ada };
  const { request, key } = await requestQuorum(output, details);
  const challenge = await challengeQuorum(output, details);
  const ask = async (bytes: Uint8Array, answer: typeof approveRequest) => {
    const path = join(scratch, 'question');
    writeFileSync(path, bytes);
    return answer(path, { archive: output, trust, identity: ben, confirm: () => true });
  };
  const approval = await ask(request.bytes, approveRequest);
  const proof = await ask(challenge.bytes, proveShare);
  custodians.forEach(
    (card, i) => void writeFileSync(join(scratch, `q${i}.card`), encodeCard(card)),
  );
  const spec = {
    type: 'strongroom/quorum',
    version: 1,
    groups: [{ name: 'board', threshold: 2, cards: ['q0.card', 'q1.card'] }],
  };
  return [
    signed('quorum question', [request.bytes, challenge.bytes], (input) =>
      decodeQuestion(input, ['request', 'challenge'], 'question'),
    ),
    signed('quorum approval', [approval.bytes], (input) => decodeAnswer(input, 'approval', 'a')),
    signed('quorum proof', [proof.bytes], (input) => decodeAnswer(input, 'proof', 'a')),
    {
      name: 'request key',
      seeds: [encodeRequestKey(key, 'none')],
      mutate: mutateDocument,
      parse: async (input) => encodeRequestKey(await decodeRequestKey(input), 'none'),
    },
    {
      name: 'quorum specification',
      seeds: [Buffer.from(JSON.stringify(spec, null, 2))],
      mutate: mutateDocument,
      parse: fromFile(join(scratch, 'quorum.json'), readQuorumSpec),
    },
  ];
}

const plan = {
  type: 'strongroom/ceremony-plan',
  version: 1,
  title: 'Root custody',
  administrator: { name: 'Ada' },
  witnesses: [{ name: 'Wim' }],
  groups: [{ name: 'legal', threshold: 1, custodians: ['Lea'] }],
};

function ceremonyTargets(): readonly Target[] {
  const [ada, wim, lea] = ['Ada', 'Wim', 'Lea'].map(made) as [Identity, Identity, Identity];
  const person = ({ card }: Identity, role: 'administrator' | 'witness' | 'custodian') => ({
    card: card.document,
    role,
  });
  const body: TranscriptBody = {
    created,
    deviations: [{ text: 'a lamp failed', time: created }],
    ended: created,
    groups: [{ custodians: ['Lea'], name: 'legal', threshold: 1 }],
    machine: { node: 'v26.10.0', platform: 'linux x64', routes: [] },
    people: [person(ada, 'administrator'), person(wim, 'witness'), person(lea, 'custodian')],
    plan: Buffer.alloc(48).toString('base64'),
    recovery: { custodians: ['Lea'], split: '0'.repeat(64), time: created },
    steps: [{ text: 'it begins', time: created }],
    suite: 'hybrid',
    title: 'Root custody',
    type: 'strongroom/ceremony-transcript',
    version: 1,
  };
  const transcript = encodeTranscript(
    body,
    [ada, wim].map((one) => signTranscript(body, one)),
  );
  return [
    signed('ceremony transcript', [transcript], (input) => decodeTranscript(input, 't')),
    {
      name: 'ceremony plan',
      seeds: [Buffer.from(JSON.stringify(plan, null, 2))],
      mutate: mutateDocument,
      parse: (input) => {
        decodePlan(input, 'plan');
        return undefined;
      },
    },
  ];
}

async function registryTargets(scratch: string): Promise<readonly Target[]> {
  const admin = made('Admin');
  const directory = join(scratch, 'registry');
  const administrators = [admin.card];
  createRegistry(directory, { name: 'Lab', signer: admin, now: created });
  const first = { state: 'active', roles: ['author'], activates: created } as const;
  const registry = await readRegistry(directory, { administrators });
  addKeys(registry, [{ card: made('Ada').card, change: first }], {
    signer: admin,
    now: '2026-01-02T00:00:00Z',
  });
  const paths = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.card'))
    .map((entry) => join(entry.parentPath, entry.name));
  const files = paths.map((path) => readFileSync(path));
  const ofType = (type: string) => files.filter((bytes) => bytes.includes(`"strongroom/${type}"`));
  const checkpoint = encodeCheckpoint(await readRegistry(directory, { administrators }));
  return [
    signed('registry head', ofType('registry'), (input) => decodeHead(input, 'h', administrators)),
    signed('registry event', ofType('registry-event'), (input) =>
      decodeEvent(input, 'e', administrators),
    ),
    {
      name: 'registry checkpoint',
      seeds: [checkpoint],
      mutate: mutateDocument,
      parse: async (input) => {
        const path = join(scratch, 'checkpoint.json');
        writeFileSync(path, input);
        return Buffer.concat([encodeJson(await readCheckpoint(path)), Buffer.from('\n')]);
      },
    },
  ];
}

export async function custodyTargets(scratch: string): Promise<readonly Target[]> {
  return [
    ...(await quorumTargets(scratch)),
    ...ceremonyTargets(),
    ...(await registryTargets(scratch)),
  ];
}
