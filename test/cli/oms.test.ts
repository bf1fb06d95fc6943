/** The commands on models in directories, lineage and the bill of materials. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectRefusal, opening, scratch, sealing, shell, strongroom, world } from './helpers.ts';

const cwd = scratch();
const run = (...args: string[]) => strongroom(args, { cwd });
const ok = async (...args: string[]) => {
  const done = await run(...args);
  expect(done.status, done.stderr).toBe(0);
  return done;
};
const json = async (...args: string[]) => JSON.parse((await ok(...args)).stdout.toString());

const passphrase = 'correct horse';

beforeAll(async () => {
  await world(cwd);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const form = { type: 'pkcs8', format: 'pem' } as const;
  writeFileSync(join(cwd, 'oms.pem'), privateKey.export(form));
  const lock = { cipher: 'aes-256-cbc', passphrase };
  writeFileSync(join(cwd, 'locked.pem'), privateKey.export({ ...form, ...lock }));
  writeFileSync(join(cwd, 'oms.pub.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(join(cwd, 'words'), `${passphrase}\n`);
});

describe('oms', () => {
  it('signs and verifies a directory, and says what a quantum computer could forge', async () => {
    execFileSync('cp', ['-r', 'w', 'signed'], { cwd });
    const signed = await json(
      'oms',
      'sign',
      'signed',
      '--key',
      'oms.pem',
      '--sign',
      'lab.key',
      '--json',
    );
    expect(signed).toEqual({
      name: 'signed',
      root: expect.stringMatching(/^[0-9a-f]{64}$/),
      files: 3,
      bundle: join('signed', 'model.sig'),
      envelope: join('signed', 'model.intoto.jsonl'),
    });
    const who = ['--key', 'oms.pub.pem', '--signer', 'lab.key.card'];
    const { stdout } = await ok('oms', 'verify', 'signed', ...who);
    expect(stdout.toString()).toMatch(/ECDSA P-384, key [0-9a-f]{16}…: classical/);
    expect(stdout.toString()).toMatch(/ML-DSA-65 and Ed25519, lab \(.*\): quantum-safe/);
    const found = await json('oms', 'verify', 'signed', ...who, '--json');
    expect(found).toMatchObject({ root: signed.root, files: 3 });
  });

  it('reads the passphrase of a PEM from a file or a descriptor, and asks nobody else', async () => {
    const locked = ['oms', 'sign', 'w', '--key', 'locked.pem'];
    await ok(...locked, '-o', 'a.sig', '--key-passphrase-file', 'words');
    const script =
      '"$node" "$strongroom" oms sign w --key locked.pem -o b.sig --key-passphrase-fd 3 3< words';
    const { status, stderr } = await shell(script, { cwd });
    expect(status, stderr).toBe(0);
    expectRefusal(await run(...locked, '-o', 'c.sig'), 2, /a passphrase is needed/);
    const wrong = await run(...locked, '-o', 'c.sig', '--key-passphrase-file', 'oms.pub.pem');
    expectRefusal(wrong, 4, /locked\.pem: the passphrase does not open it/);
    const bytes = readFileSync(join(cwd, 'a.sig'), 'utf8');
    expect(bytes).not.toContain('PRIVATE');
  });

  it('refuses what is not the model, with status 3', async () => {
    await shell('cp -r w changed && "$node" "$strongroom" oms sign changed --key oms.pem', { cwd });
    await shell('echo x >> changed/a.txt && echo x > changed/more', { cwd });
    const refused = await run('oms', 'verify', 'changed', '--key', 'oms.pub.pem');
    expectRefusal(refused, 3, /changed: more was not signed/);
    await shell('rm changed/more', { cwd });
    const again = await run('oms', 'verify', 'changed', '--key', 'oms.pub.pem');
    expectRefusal(again, 3, /changed: a\.txt was changed/);
  });

  it('takes nobody at their word by default, and a public key only', async () => {
    expectRefusal(await run('oms', 'verify', 'w'), 2, /nobody is named whose signature counts/);
    expectRefusal(await run('oms', 'sign', 'w'), 2, /nobody is named to sign/);
    const secret = await run('oms', 'verify', 'w', '--key', 'oms.pem');
    expectRefusal(secret, 1, /oms\.pem: a private key, where a public one is needed/);
    const shards = await run('oms', 'sign', 'w', '--key', 'oms.pem', '--shard-size', '1');
    expectRefusal(shards, 2, /--shard-size: 1 is not a size/);
  });
});

describe('seal', () => {
  it('seals digests along, for oms export', async () => {
    await ok('seal', 'w', '-o', 'oms.srm', ...sealing, '--oms', '--name', 'Ada');
    const statement = await json('oms', 'export', 'oms.srm', ...opening);
    expect(statement.subject[0].name).toBe('Ada');
    await ok('oms', 'export', 'oms.srm', ...opening, '-o', 'statement.json');
    expect(JSON.parse(readFileSync(join(cwd, 'statement.json'), 'utf8'))).toEqual(statement);
    await ok('oms', 'sign', 'w', '--key', 'oms.pem', '--name', 'Ada', '-o', 'same.sig');
    const { dsseEnvelope } = JSON.parse(readFileSync(join(cwd, 'same.sig'), 'utf8'));
    expect(JSON.parse(Buffer.from(dsseEnvelope.payload, 'base64').toString())).toEqual(statement);
    await ok('seal', 'w', '-o', 'bare.srm', ...sealing);
    expectRefusal(await run('oms', 'export', 'bare.srm', ...opening), 3, /without model signing/);
    const shards = await run('seal', 'w', '-o', 'x.srm', ...sealing, '--shard-size', '1GB');
    expectRefusal(shards, 2, /go with --oms/);
  });

  it('holds a model to its bundle', async () => {
    await shell('cp -r w bundled && "$node" "$strongroom" oms sign bundled --key oms.pem', { cwd });
    await ok('seal', 'bundled', '-o', 'bundled.srm', ...sealing, '--verify-oms', 'oms.pub.pem');
    await shell('echo x >> bundled/a.txt', { cwd });
    const args = ['seal', 'bundled', '-o', 'y.srm', ...sealing, '--verify-oms', 'oms.pub.pem'];
    expectRefusal(await run(...args), 3, /model\.sig: a\.txt was changed/);
  });

  it('puts lineage and claims into what inspect and bom show', async () => {
    const root = 'ab'.repeat(32);
    const claims = { name: 'Ada', license: 'Apache-2.0', modelCard: { sha256: root }, more: [1] };
    writeFileSync(join(cwd, 'claims.json'), JSON.stringify(claims));
    const parents = ['--parent', root, '--parent', `oms:${root}`];
    await ok('seal', 'w', '-o', 'child.srm', ...sealing, '--claims', 'claims.json', ...parents);
    const shown = (await ok('inspect', 'child.srm')).stdout.toString();
    expect(shown).toMatch(/^model +Ada$/m);
    expect(shown).toMatch(/^licence +Apache-2\.0$/m);
    expect(shown).toMatch(new RegExp(`^derived from +${root}\n +oms:${root}$`, 'm'));
    expect(shown).toMatch(/^claims +\{"more":\[1\]\}$/m);
    const found = await json('inspect', 'child.srm', '--json');
    const told = { ...claims, parents: [{ contentRoot: root }, { omsRoot: root }] };
    expect(found.claims).toEqual(told);
    const bom = await json('bom', 'child.srm', '--signer', 'lab.key.card');
    expect(bom.metadata.component).toMatchObject({ name: 'Ada', type: 'machine-learning-model' });
    const stranger = await run('bom', 'child.srm', '--signer', 'stranger.key.card');
    expectRefusal(stranger, 3, /was sealed by key [0-9a-f]{16}…, not by stranger, whom you trust/);
    const wrong = await run('seal', 'w', '-o', 'z.srm', ...sealing, '--parent', 'child.srm');
    expectRefusal(wrong, 2, /neither a content root nor a root of model signing/);
  });
});
