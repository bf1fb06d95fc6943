import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeCheckpoint } from '#strongroom/custody/registry/checkpoint.js';
import { encodeCard, readPolicy, readPolicyRegistry } from '#strongroom/index.js';
import { readPolicy as readPolicyAlone } from '#strongroom/keys/policy.js';
import { codeOf, refusal } from '../../keys/helpers.ts';
import { ada, admin, bob, eve, registry } from './helpers.ts';

const named = { path: 'registry', administrators: ['admin.card'] };

/** A directory with a registry of Ada and Bob, and a policy beside it. */
async function world() {
  const made = registry();
  await made.add(ada.card, { roles: ['author'] });
  await made.add(bob.card);
  const root = dirname(made.directory);
  for (const [name, { card }] of Object.entries({ admin, ada, eve })) {
    writeFileSync(join(root, `${name}.card`), encodeCard(card));
  }
  const path = join(root, 'policy.json');
  const write = (more: object, trust: unknown[] = []) => {
    writeFileSync(
      path,
      JSON.stringify({ type: 'strongroom/policy', version: 1, trust, registry: named, ...more }),
    );
    return path;
  };
  return { ...made, root, write };
}

describe('a policy with a registry', () => {
  test('trusts whom the registry does, and whom it names itself', async () => {
    const { write } = await world();
    const trust = await readPolicy(write({}, [{ card: 'eve.card', roles: ['witness'] }]));
    expect(trust.entries.map(({ card, roles }) => [card.name, roles]).sort()).toEqual([
      ['Ada', ['author']],
      ['Bob', []],
      ['Eve', ['witness']],
    ]);
    expect(trust).toMatchObject({ registered: true, acceptBeforeCompromise: false });
    expect((await readPolicyRegistry(write({}))).name).toBe('Lab');
  });

  test('may accept what was signed before a compromise', async () => {
    const { write } = await world();
    const trust = await readPolicy(write({ registry: { ...named, acceptBeforeCompromise: true } }));
    expect(trust.acceptBeforeCompromise).toBe(true);
  });

  test('may pin a checkpoint', async () => {
    const { write, root, directory, read, add } = await world();
    await add(eve.card);
    writeFileSync(join(root, 'then'), encodeCheckpoint(await read()));
    const path = write({ registry: { ...named, checkpoint: 'then' } });
    expect((await readPolicy(path)).entries.length).toBe(3);
    renameSync(join(directory, 'events', eve.card.kem.id), join(root, 'gone'));
    renameSync(join(directory, 'cards', `${eve.card.kem.id}.card`), join(root, 'gone.card'));
    expect(await codeOf(() => readPolicy(path))).toBe('REGISTRY_ROLLED_BACK');
  });

  test('names no card that the registry has', async () => {
    const { write } = await world();
    const path = write({}, [{ card: 'ada.card', roles: ['custodian'] }]);
    expect((await refusal(() => readPolicy(path))).message).toMatch(/it is in the registry/);
  });

  test.each<[string, object]>([
    ['no administrators', { path: 'registry', administrators: [] }],
    ['an administrator who is not there', { ...named, administrators: ['nobody.card'] }],
    ['an administrator outside', { ...named, administrators: ['../admin.card'] }],
    ['a registry outside', { ...named, path: '..' }],
    ['a registry by an absolute path', { ...named, path: '/registry' }],
    ['an unknown member', { ...named, extra: true }],
    ['a checkpoint that is not there', { ...named, checkpoint: 'nothing' }],
    ['a link that leads out', { ...named, path: 'link' }],
  ])('that names %s is refused', async (_, wrong) => {
    const { write, root } = await world();
    symlinkSync(dirname(root), join(root, 'link'));
    const error = await refusal(() => readPolicy(write({ registry: wrong })));
    expect(error.code).toBe('POLICY_INVALID');
    expect(error.message).toContain(join(root, 'policy.json'));
  });

  test('that names a directory without a registry is refused', async () => {
    const { write, root } = await world();
    mkdirSync(join(root, 'empty'));
    const path = write({ registry: { ...named, path: 'empty' } });
    expect(await codeOf(() => readPolicy(path))).toBe('NOT_FOUND');
  });

  test('is refused where states would not be looked at', async () => {
    const { write } = await world();
    expect(await codeOf(() => readPolicyAlone(write({})))).toBe('POLICY_INVALID');
  });

  test('without one has none to read', async () => {
    const { write } = await world();
    expect(await codeOf(() => readPolicyRegistry(write({ registry: undefined })))).toBe(
      'POLICY_INVALID',
    );
  });
});
