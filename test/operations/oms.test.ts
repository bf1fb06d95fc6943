/** Models in directories, signed and verified, and digests that are sealed along. */
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { appendFileSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  decodeOmsPrivateKey,
  exportOms,
  open,
  rekey,
  type SealOptions,
  seal,
  signOms,
  trustCards,
  verifyOms,
} from '#strongroom/index.js';
import {
  leftovers,
  makeArchive,
  noise,
  outcome,
  people,
  readFiles,
  workspace,
  writeFiles,
} from '../support/archive.ts';
import { forge } from '../support/forge.ts';
import { pipedProcess } from '../support/piped.ts';
import { file, tar } from '../support/tar.ts';

const who = people();
const piped = pipedProcess();
const key = decodeOmsPrivateKey(
  Buffer.from(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    }),
  ),
  'key',
);
const access = { identity: who.reader, trust: who.trust, epochMemory: 'off' as const };
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const mebibyte = 2 ** 20;

const files = {
  'a.bin': noise(3 * mebibyte + 17),
  'b/c.json': '{}',
  'b/exact.bin': noise(2 * mebibyte, 2),
  empty: '',
  'b.txt': 'text',
  'none/': '',
};
const names = ['a.bin', 'b.txt', 'b/c.json', 'b/exact.bin', 'empty'];
const digests = [files['a.bin'], files['b.txt'], '{}', files['b/exact.bin'], ''].map(sha256);

const made = () => writeFiles(join(workspace(), 'model'), files);
const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const payloadOf = (path: string) => {
  const { payload, dsseEnvelope } = read(path);
  return Buffer.from(payload ?? dsseEnvelope.payload, 'base64');
};
interface Listed {
  readonly predicate: { readonly resources: readonly { name: string; digest: string }[] };
}
const listed = (statement: Uint8Array) => {
  const { resources } = (JSON.parse(Buffer.from(statement).toString()) as Listed).predicate;
  return Object.fromEntries(resources.map(({ name, digest }) => [name, digest]));
};

describe('a model in a directory', () => {
  it('is signed by a key and an identity, over the same bytes, and verified', async () => {
    const model = made();
    const signed = await signOms(model, { key, signer: who.author });
    expect(signed).toMatchObject({ name: 'model', files: 5, bundle: join(model, 'model.sig') });
    const statement = payloadOf(join(model, 'model.sig'));
    expect(payloadOf(join(model, 'model.intoto.jsonl'))).toEqual(statement);
    expect(listed(statement)).toEqual(
      Object.fromEntries(names.map((name, i) => [name, digests[i]])),
    );
    const found = await verifyOms(model, { key: key.public, trust: who.trust });
    expect(found).toMatchObject({ root: signed.root, files: 5, name: 'model' });
    expect(found.signatures.map(({ quantumSafe }) => quantumSafe)).toEqual([false, true]);
    expect((await verifyOms(model, { trust: who.trust })).signatures).toHaveLength(1);
  });

  it.each([1, 2, 5])('is the same for %i threads', async (threads) => {
    const model = made();
    const { root } = await signOms(model, { key, threads, output: join(model, '..', 'x.sig') });
    const joined = Buffer.concat(digests.map((digest) => Buffer.from(digest, 'hex')));
    expect(root).toBe(sha256(joined));
  });

  it('is hashed in shards', async () => {
    const model = made();
    await signOms(model, { key, shardSize: mebibyte });
    const found = listed(payloadOf(join(model, 'model.sig')));
    expect(Object.keys(found)).toEqual([
      'a.bin:0:1048576',
      'a.bin:1048576:2097152',
      'a.bin:2097152:3145728',
      'a.bin:3145728:3145745',
      'b.txt:0:4',
      'b/c.json:0:2',
      'b/exact.bin:0:1048576',
      'b/exact.bin:1048576:2097152',
    ]);
    expect(found['a.bin:3145728:3145745']).toBe(sha256(files['a.bin'].subarray(3 * mebibyte)));
    await verifyOms(model, { key: key.public });
    appendFileSync(join(model, 'a.bin'), 'x');
    expect(await outcome(() => verifyOms(model, { key: key.public }))).toBe('OMS_MISMATCH');
  });

  const changes: readonly (readonly [string, (model: string) => unknown, string])[] = [
    ['a byte more', (m) => appendFileSync(join(m, 'b.txt'), 'x'), 'OMS_MISMATCH'],
    ['other bytes', (m) => writeFileSync(join(m, 'b.txt'), 'taxt'), 'OMS_MISMATCH'],
    ['a file less', (m) => rmSync(join(m, 'empty')), 'OMS_MISMATCH'],
    ['a file more', (m) => writeFileSync(join(m, 'b', 'extra'), ''), 'OMS_MISMATCH'],
    ['a directory more', (m) => writeFiles(m, { 'b/d/': '' }), 'accepted'],
    ['a git file more', (m) => writeFiles(m, { '.git/config': '' }), 'accepted'],
    ['a git file below', (m) => writeFiles(m, { 'b/.gitignore': '' }), 'OMS_MISMATCH'],
    ['a link more', (m) => symlinkSync('b.txt', join(m, 'link')), 'SYMLINK'],
  ];
  it.each(changes)('with %s', async (_, change, code) => {
    const model = made();
    await signOms(model, { key, signer: who.author });
    change(model);
    expect(await outcome(() => verifyOms(model, { key: key.public }))).toBe(code);
    expect(await outcome(() => verifyOms(model, { trust: who.trust }))).toBe(code);
  });

  it('is refused by the word of a stranger, or of two who do not agree', async () => {
    const model = made();
    await signOms(model, { key, signer: who.stranger });
    const { trust } = who;
    expect(await outcome(() => verifyOms(model, { trust }))).toBe('OMS_UNTRUSTED');
    rmSync(join(model, 'model.intoto.jsonl'));
    await signOms(model, { signer: who.author, name: 'otherwise' });
    await verifyOms(model, { trust });
    expect(await outcome(() => verifyOms(model, { trust, key: key.public }))).toBe('OMS_UNTRUSTED');
  });

  it('is refused when the envelope is altered in any part', async () => {
    const model = made();
    await signOms(model, { signer: who.author });
    const path = join(model, 'model.intoto.jsonl');
    const { payload, payloadType, signatures } = read(path);
    const [mlDsa, ed25519] = signatures;
    const verifying = (envelope: unknown) => {
      writeFileSync(path, `${JSON.stringify(envelope)}\n`);
      return outcome(() => verifyOms(model, { trust: who.trust }));
    };
    const cut = { payload, payloadType, signatures: [ed25519] };
    expect(await verifying(cut)).toBe('OMS_UNTRUSTED');
    const swapped = { payload, payloadType, signatures: [ed25519, mlDsa] };
    expect(await verifying(swapped)).toBe('OMS_UNTRUSTED');
    const twice = { payload, payloadType, signatures: [{ ...mlDsa, sig: ed25519.sig }, ed25519] };
    expect(await verifying(twice)).toBe('OMS_UNTRUSTED');
    const more = { more: 1, payload, payloadType, signatures };
    expect(await verifying(more)).toBe('OMS_INVALID');
    expect(await verifying({ payload, payloadType, signatures })).toBe('accepted');
  });

  it('is refused by an expired card', async () => {
    const model = made();
    await signOms(model, { signer: who.author });
    const { card } = who.author;
    const trust = trustCards([{ ...card, expires: '2020-01-01T00:00:00Z' }]);
    expect(await outcome(() => verifyOms(model, { trust }))).toBe('OMS_UNTRUSTED');
  });

  it('is signed as a whole or not at all', async () => {
    const model = made();
    writeFileSync(join(model, 'model.intoto.jsonl'), 'there');
    expect(await outcome(() => signOms(model, { key, signer: who.author }))).toBe('OUTPUT_EXISTS');
    expect(readFiles(model)['model.sig']).toBeUndefined();
    expect(await outcome(() => signOms(model, {}))).toBe('USAGE');
    expect(await outcome(() => signOms(model, { key, shardSize: 1024 }))).toBe('USAGE');
    expect(await outcome(() => signOms(model, { key, name: 'a\nb' }))).toBe('USAGE');
    expect(await outcome(() => signOms(join(model, 'b.txt'), { key }))).toBe('USAGE');
  });

  it.each([
    // A signer's shards of one byte would ask for a digest of every byte of the model
    { method: 'shards', shard_size: 1 },
    { method: 'files' },
  ])('is refused by a statement of nothing, by $method', async (how) => {
    const model = made();
    await signOms(model, { key, output: join(model, '..', 'x.sig') });
    const path = join(model, '..', 'y.sig');
    const signedBytes = Buffer.from(
      JSON.stringify({
        ...JSON.parse(payloadOf(join(model, '..', 'x.sig')).toString()),
        subject: [{ name: 'm', digest: { sha256: sha256('') } }],
        predicate: {
          resources: [],
          serialization: {
            ...how,
            hash_type: 'sha256',
            allow_symlinks: false,
          },
        },
      }),
    );
    const { encodeBundle } = await import('#strongroom/provenance/oms/bundle.js');
    writeFileSync(path, encodeBundle(signedBytes, key));
    const verifying = verifyOms(model, { key: key.public, bundle: path });
    await expect(verifying).rejects.toMatchObject({ code: 'OMS_MISMATCH' });
  });
});

describe('an archive sealed with digests', () => {
  const recipients = [who.reader.card];
  const sealing = (options: Partial<SealOptions> & { output: string }) => ({
    recipients,
    signer: who.author,
    ...options,
  });

  it.each([
    [1, undefined, 4096],
    [2, undefined, 4096],
    [5, undefined, 65536],
    [3, mebibyte, 4096],
    [2, 3 * mebibyte, mebibyte],
  ])('by %i threads, shards of %s, segments of %i', async (threads, shardSize, segmentBytes) => {
    const model = made();
    const output = join(model, '..', 'model.srm');
    const { omsRoot } = await seal(
      model,
      sealing({ output, threads, segmentBytes, oms: { shardSize } }),
    );
    const sealed = await exportOms(output, access);
    const { root } = await signOms(model, { key, shardSize });
    expect(Buffer.from(sealed.statement)).toEqual(payloadOf(join(model, 'model.sig')));
    expect([omsRoot, sealed.root]).toEqual([root, root]);
  });

  it('opens as any other, and keeps them when it is rekeyed', async () => {
    const root = workspace();
    const before = await makeArchive(root, { who, files, oms: { name: 'Ada' } });
    const after = join(root, 'new.srm');
    const trust = trustCards([who.author.card, who.reader.card]);
    await rekey(before, { ...access, trust, output: after, recipients });
    const opened = join(root, 'opened');
    await open(before, { ...access, output: opened });
    const { statement, root: omsRoot, name } = await exportOms(before, access);
    expect(name).toBe('Ada');
    const signed = await signOms(opened, { key, name: 'Ada' });
    expect(signed.root).toBe(omsRoot);
    expect(payloadOf(join(opened, 'model.sig'))).toEqual(Buffer.from(statement));
    const anew = await exportOms(after, { ...access, trust });
    expect(Buffer.from(anew.statement)).toEqual(Buffer.from(statement));
  });

  it.each([undefined, mebibyte])('from a pipe, shards of %s', async (shardSize) => {
    const model = made();
    const root = join(model, '..');
    const input = join(root, 'model.tar');
    execFileSync('tar', ['cf', input, '-C', model, ...Object.keys(files)]);
    const output = join(root, 'model.srm');
    const options = { output, segmentBytes: 4096, oms: { shardSize, name: 'model' } };
    const job = { operation: 'seal', path: '-', identity: who.author, input, recipients } as const;
    expect(await piped({ ...job, options })).toBe('accepted');
    const sealed = await exportOms(output, access);
    const kept = join(root, 'kept.srm');
    await seal(input, sealing({ output: kept, oms: { shardSize } }));
    expect((await exportOms(kept, access)).statement).toEqual(sealed.statement);
    await signOms(model, { key, shardSize });
    expect(Buffer.from(sealed.statement)).toEqual(payloadOf(join(model, 'model.sig')));
  });

  const a = sha256('a');
  const manifests: readonly (readonly [string, object, string])[] = [
    ['a digest for its file', { digests: [[a]], name: 'm' }, 'accepted'],
    ['a digest for its shard', { digests: [[a]], name: 'm', shardSize: 512 }, 'accepted'],
    ['no digests', { digests: [], name: 'm' }, 'MANIFEST_INVALID'],
    ['digests for two files', { digests: [[a], [a]], name: 'm' }, 'MANIFEST_INVALID'],
    ['two digests for one file', { digests: [[a, a]], name: 'm' }, 'MANIFEST_INVALID'],
    ['a shard too few', { digests: [[]], name: 'm', shardSize: 512 }, 'MANIFEST_INVALID'],
    ['a shard too many', { digests: [[a, a]], name: 'm', shardSize: 512 }, 'MANIFEST_INVALID'],
    ['shards of no bytes', { digests: [[a]], name: 'm', shardSize: 0 }, 'MANIFEST_INVALID'],
    ['a short digest', { digests: [['ab']], name: 'm' }, 'MANIFEST_INVALID'],
    ['a digest in capitals', { digests: [[a.toUpperCase()]], name: 'm' }, 'MANIFEST_INVALID'],
    ['no name', { digests: [[a]] }, 'MANIFEST_INVALID'],
    ['a name with a control character', { digests: [[a]], name: 'm\n' }, 'MANIFEST_INVALID'],
    ['a member more', { digests: [[a]], name: 'm', more: 1 }, 'MANIFEST_INVALID'],
  ];
  it.each(manifests)('whose manifest has %s', async (_, oms, code) => {
    const path = join(workspace(), 'forged.srm');
    const entry = { type: 'file', path: 'a', size: 1, mode: 0o644, mtime: 0, offset: 512 };
    const bytes = tar(file('a', 'a'));
    writeFileSync(path, forge({ who, tar: bytes, entries: [entry], manifest: { oms } }));
    expect(await outcome(() => exportOms(path, access))).toBe(code);
  });

  it('without them says so', async () => {
    const archive = await makeArchive(workspace(), { who, files: { a: 'a' } });
    expect(await outcome(() => exportOms(archive, access))).toBe('OMS_INVALID');
  });

  it('is sealed only if it is what its bundle says, which travels along', async () => {
    const model = made();
    const root = join(model, '..');
    const output = join(root, 'model.srm');
    const verifying = () =>
      outcome(() => seal(model, sealing({ output, oms: {}, verifyOms: key.public })));
    expect(await verifying()).toBe('NOT_FOUND');
    await signOms(model, { key });
    expect(await verifying()).toBe('accepted');
    await open(output, { ...access, output: join(root, 'opened') });
    await verifyOms(join(root, 'opened'), { key: key.public });
    rmSync(output);
    appendFileSync(join(model, 'b.txt'), 'x');
    expect(await verifying()).toBe('OMS_MISMATCH');
    expect(leftovers(root, 'model', 'opened')).toEqual([]);
  });

  it('takes the shards of its bundle', async () => {
    const model = made();
    const output = join(model, '..', 'model.srm');
    await signOms(model, { key, shardSize: mebibyte });
    const verifying = (oms: SealOptions['oms']) =>
      outcome(() => seal(model, sealing({ output, oms, verifyOms: key.public })));
    expect(await verifying({ shardSize: 2 * mebibyte })).toBe('USAGE');
    expect(await verifying({})).toBe('accepted');
    const { statement } = await exportOms(output, access);
    expect(Object.keys(listed(statement))).toContain('a.bin:3145728:3145745');
  });
});
