/** What `verify` proves claim by claim, and by which signatures. */
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeSeal } from '#strongroom/archive/seal.js';
import {
  decodeOmsPrivateKey,
  decodeOmsPublicKey,
  exportOms,
  seal,
  signOms,
  type Trust,
  verify,
} from '#strongroom/index.js';
import { encodeJson } from '#strongroom/json.js';
import { encodeBundle } from '#strongroom/provenance/oms/bundle.js';
import { encodeEnvelope, openEnvelope } from '#strongroom/provenance/oms/envelope.js';
import { decodeStatement } from '#strongroom/provenance/oms/statement.js';
import { parseStatement } from '#strongroom/provenance/statements/statement.js';
import { registry } from '../custody/registry/helpers.ts';
import {
  outcome,
  people,
  regionsOf,
  segmentBytes,
  sharedWorkspace,
  writeFiles,
} from '../support/archive.ts';

const who = people();
const root = sharedWorkspace();
const pair = (namedCurve: string) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  const pem = (key: typeof privateKey, type: 'pkcs8' | 'spki') =>
    Buffer.from(key.export({ type: type as 'pkcs8', format: 'pem' }));
  return {
    secret: decodeOmsPrivateKey(pem(privateKey, 'pkcs8'), 'key'),
    key: decodeOmsPublicKey(pem(publicKey, 'spki'), 'key'),
  };
};
const [lab, other] = [pair('P-384'), pair('P-256')];
const { trust } = who;
const access = { identity: who.reader, trust };
let count = 0;

/** Seals a model whose signatures are made by `sign`, with digests unless `plain`. */
async function archive(sign: (directory: string) => unknown, plain = false): Promise<string> {
  const name = join(root, `${count++}`);
  const directory = writeFiles(name, { 'a.bin': 'weights', 'b.json': '{}' });
  await sign(directory);
  const output = `${name}.srm`;
  const recipients = [who.reader.card];
  const oms = plain ? undefined : {};
  await seal(directory, { output, recipients, signer: who.author, segmentBytes, oms });
  return output;
}

const signed = (directory: string) => signOms(directory, { key: lab.secret, signer: who.author });
let model: string;

beforeAll(async () => {
  model = await archive(signed);
}, 120_000);

describe('signatures of model signing in an archive', () => {
  it('are told beside what its author sealed, as what they are', async () => {
    const oms = { key: lab.key, envelope: true };
    const { proofs } = await verify(model, { ...access, oms });
    const { fingerprint } = who.author.card;
    const both = ['ML-DSA-65', 'Ed25519'];
    const byAuthor = { by: 'author', fingerprint, algorithms: both, quantumSafe: true };
    expect(proofs).toEqual([
      { ...byAuthor, claim: 'what it holds, and claims of it' },
      { ...byAuthor, claim: 'who can open it' },
      { ...byAuthor, claim: expect.stringMatching(/^SHA-256 of its files, root [0-9a-f]{16}…$/) },
      {
        claim: 'SHA-256 of its files, by model.sig',
        by: `key ${lab.key.hint.slice(0, 16)}…`,
        algorithms: ['ECDSA P-384'],
        quantumSafe: false,
      },
      { ...byAuthor, claim: 'SHA-256 of its files, by model.intoto.jsonl' },
    ]);
  });

  it('are refused where only quantum-safe ones count, if they are classical', async () => {
    const verdict = (oms: object) =>
      outcome(() => verify(model, { ...access, oms, quantumSafeOnly: true }));
    expect(await verdict({ envelope: true })).toBe('accepted');
    expect(await verdict({ key: lab.key })).toBe('CLASSICAL_ONLY');
    expect(await verdict({ key: lab.key, envelope: true })).toBe('CLASSICAL_ONLY');
  });

  it('are not looked at unless they are asked for, nor without a key', async () => {
    expect((await verify(model, { trust })).proofs).toHaveLength(2);
    expect((await verify(model, access)).proofs).toHaveLength(3);
    expect(await outcome(() => verify(model, { trust, oms: { envelope: true } }))).toBe('USAGE');
  });

  const asked = (path: string, oms: object = { key: lab.key, envelope: true }) =>
    outcome(() => verify(path, { ...access, oms }));

  it('have to be there', async () => {
    const none = await archive(() => {});
    expect(await asked(none, { key: lab.key })).toBe('OMS_INVALID');
    expect(await asked(none, { envelope: true })).toBe('OMS_INVALID');
    expect(await asked(none, {})).toBe('accepted');
    // Nothing to hold them against
    expect(await asked(await archive(signed, true))).toBe('OMS_INVALID');
  });

  it('have to be of whom is named', async () => {
    expect(await asked(model, { key: other.key })).toBe('OMS_UNTRUSTED');
    const strange = await archive((at) => signOms(at, { signer: who.stranger }));
    expect(await asked(strange, { envelope: true })).toBe('OMS_UNTRUSTED');
  });

  it('have to say what was sealed', async () => {
    const changed = await archive(async (at) => {
      await signed(at);
      writeFileSync(join(at, 'a.bin'), 'changed');
    });
    expect(await asked(changed, { key: lab.key })).toBe('OMS_MISMATCH');
    expect(await asked(changed, { envelope: true })).toBe('OMS_MISMATCH');
    const more = await archive(async (at) => {
      await signed(at);
      writeFileSync(join(at, 'more'), '');
    });
    expect(await asked(more)).toBe('OMS_MISMATCH');
    const sharded = await archive((at) =>
      signOms(at, { key: lab.secret, signer: who.author, shardSize: 2 ** 20 }),
    );
    expect(await asked(sharded)).toBe('OMS_INVALID');
  });
});

describe('an exported statement', () => {
  it('is signed as it would be beside the model', async () => {
    const { statement } = await exportOms(model, access);
    const signer = who.author;
    const envelope = Buffer.from((await exportOms(model, { ...access, signer })).statement);
    expect(envelope.at(-1)).toBe(0x0a);
    expect(Buffer.from(JSON.parse(envelope.toString()).payload, 'base64')).toEqual(
      Buffer.from(statement),
    );
    const again = await archive((at) => writeFileSync(join(at, 'model.intoto.jsonl'), envelope));
    const { proofs } = await verify(again, { ...access, oms: { envelope: true } });
    expect(proofs.at(-1)?.claim).toBe('SHA-256 of its files, by model.intoto.jsonl');
  });
});

describe('statements that say two things', () => {
  /** Signed as it stands, a member of it twice. */
  const twice = async (make: (statement: Uint8Array) => Uint8Array, name: string) => {
    const { statement } = await exportOms(model, access);
    const text = Buffer.from(statement).toString();
    const bytes = Buffer.from(text.replace('"predicateType"', '"_type":"x","predicateType"'));
    return archive((at) => writeFileSync(join(at, name), make(bytes)));
  };

  it('are refused, whoever signed them', async () => {
    const bundle = await twice((bytes) => encodeBundle(bytes, lab.secret), 'model.sig');
    const asked = (path: string, oms: object) => outcome(() => verify(path, { ...access, oms }));
    expect(await asked(bundle, { key: lab.key })).toBe('OMS_INVALID');
    const envelope = await twice(
      (bytes) => encodeEnvelope(bytes, who.author),
      'model.intoto.jsonl',
    );
    expect(await asked(envelope, { envelope: true })).toBe('OMS_INVALID');
  });

  it('are refused in the bundle around them', async () => {
    const { statement } = await exportOms(model, access);
    const bundle = Buffer.from(encodeBundle(statement, lab.secret)).toString();
    const path = await archive((at) =>
      writeFileSync(join(at, 'model.sig'), bundle.replace('{', '{"mediaType":"x",')),
    );
    expect(await outcome(() => verify(path, { ...access, oms: { key: lab.key } }))).toBe(
      'OMS_INVALID',
    );
  });
});

it('a registry is among what proves, by its administrators', async () => {
  const kept = registry();
  await kept.add(who.author.card, { roles: ['author', 'custodian'] });
  const registered: Trust = await kept.read();
  const { proofs } = await verify(model, { trust: registered });
  expect(proofs.at(-1)).toMatchObject({
    claim: 'roles and states of keys, by the registry',
    by: 'Admin',
    quantumSafe: true,
  });
  const administrators = [...(registered.administrators ?? []), who.stranger.card];
  const several = await verify(model, { trust: { ...registered, administrators } });
  const cards = administrators.map(({ fingerprint, name }) => `${fingerprint}, ${name}`);
  expect(several.proofs.at(-1)?.by).toBe(cards.join(' or '));
});

it('no statement passes for one of another kind', async () => {
  const bytes = readFileSync(model);
  const { core, at } = regionsOf(bytes);
  const sealBytes = bytes.subarray(...at.seal);
  const oms = (await exportOms(model, { ...access, signer: who.author })).statement.subarray(0, -1);
  const name = join(root, 'told');
  const source = writeFiles(name, { a: 'b' });
  const output = `${name}.srm`;
  const recipients = [who.reader.card];
  await seal(source, { output, recipients, signer: who.author, segmentBytes, custody: true });
  const line = readFileSync(`${output}.custody.jsonl`).subarray(0, -1);
  const readers = {
    seal: (each: Uint8Array) => decodeSeal(each, core, 'seal'),
    custody: (each: Uint8Array) => parseStatement(each, 'line'),
    oms: (each: Uint8Array) => decodeStatement(openEnvelope(each, trust, 'oms').statement, 'oms'),
  };
  const verdicts = async (each: Uint8Array) =>
    Object.fromEntries(
      await Promise.all(
        Object.entries(readers).map(async ([kind, read]) => [
          kind,
          (await outcome(() => read(each))) === 'accepted',
        ]),
      ),
    );
  expect(await verdicts(sealBytes)).toEqual({ seal: true, custody: false, oms: false });
  expect(await verdicts(line)).toEqual({ seal: false, custody: true, oms: false });
  expect(await verdicts(oms)).toEqual({ seal: false, custody: false, oms: true });
  // Signed as one, labelled as another
  const relabelled = encodeJson({
    ...JSON.parse(Buffer.from(line).toString()),
    payloadType: 'application/vnd.strongroom.keyring.v1+json',
  });
  expect(await verdicts(relabelled)).toEqual({ seal: false, custody: false, oms: false });
});
