/** What a plain directory shows of its history, and what it cannot. */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeCheckpoint } from '#strongroom/custody/registry/checkpoint.js';
import { readRegistry } from '#strongroom/custody/registry/read.js';
import { addKeys, createRegistry, rotateKey } from '#strongroom/custody/registry/write.js';
import { createIdentity, encodeCard, type Identity } from '#strongroom/index.js';
import { importedCard } from '#strongroom/keys/card.js';
import { trustedCard } from '#strongroom/keys/policy.js';
import { codeOf, refusal } from '../../keys/helpers.ts';
import {
  ada,
  admin,
  administrators,
  bob,
  born,
  eve,
  eventsOf,
  forge,
  type Kept,
  kept,
  on,
  parsed,
  registry,
} from './helpers.ts';

/** Ada was suspended for a while and came back; Bob only receives. */
async function lived(): Promise<Kept> {
  const made = registry();
  await made.add(ada.card, { roles: ['author'] });
  await made.add(bob.card);
  await made.change(ada.card, { state: 'suspended', reason: 'on leave' }, on(2));
  await made.change(ada.card, { state: 'active', roles: ['author', 'custodian'] }, on(3));
  return made;
}

const signingIds = ({ card }: Identity) => card.signing.map(({ id }) => id);

describe('a registry', () => {
  test('is trust in its cards, in the roles of their last event', async () => {
    const found = await (await lived()).read();
    expect(found.entries.map(({ card }) => card.name).sort()).toEqual(['Ada', 'Bob']);
    expect(found.registered).toBe(true);
    expect(trustedCard(found, 'custodian', signingIds(ada))?.name).toBe('Ada');
    expect(trustedCard(found, 'author', signingIds(bob))).toBeUndefined();
    const life = found.entries.find(({ card }) => card.name === 'Ada')?.life ?? [];
    expect(life.map(({ state, by, reason }) => [state, by, reason])).toEqual([
      ['active', 'Admin', undefined],
      ['suspended', 'Admin', 'on leave'],
      ['active', 'Admin', undefined],
    ]);
  });

  test('may be empty, as git leaves it, and tells git to alter no line end', async () => {
    const { directory, read } = registry();
    expect((await read()).entries).toEqual([]);
    expect(readFileSync(join(directory, '.gitattributes'), 'utf8')).toBe('* -text\n');
  });

  test('knows recipients by bare public keys', async () => {
    const made = registry();
    const card = importedCard(ada.card.suite, [ada.card.kem.publicKey], { name: 'HSM', now: born });
    await made.add(card);
    expect((await made.read()).entries[0]?.card.signing).toEqual([]);
  });

  test('counts the word of named administrators only', async () => {
    const { directory, add } = registry();
    await add(ada.card);
    const read = (...cards: Identity[]) =>
      readRegistry(directory, { administrators: cards.map(({ card }) => card) });
    expect(await codeOf(() => read())).toBe('REGISTRY_UNTRUSTED');
    expect(await codeOf(() => read(eve))).toBe('REGISTRY_UNTRUSTED');
    expect((await read(eve, admin)).entries.length).toBe(1);
  });

  test('refuses what an administrator signed after the card expired', async () => {
    const brief = createIdentity({ name: 'Brief', now: born, expires: on(2) });
    const { directory } = registry(brief);
    const read = () => readRegistry(directory, { administrators: [brief.card, admin.card] });
    const head = parsed(directory, 'registry.json').signed;
    expect((await read()).id).toBe(head.id);
    mkdirSync(join(directory, 'events', ada.card.kem.id), { recursive: true });
    mkdirSync(join(directory, 'cards'));
    writeFileSync(join(directory, 'cards', `${ada.card.kem.id}.card`), encodeCard(ada.card));
    const other = registry();
    await other.add(ada.card, {}, on(3));
    const { signed } = parsed(other.directory, eventsOf(other.directory, ada.card)[0] ?? '');
    forge(directory, { ...signed, registry: head.id }, brief);
    expect((await refusal(read)).message).toMatch(/when the card of Brief was not valid/);
  });

  test('has two cards with one key never', async () => {
    const made = registry();
    await made.add(ada.card);
    const again = importedCard(ada.card.suite, [ada.card.kem.publicKey], { name: 'X', now: born });
    expect((await refusal(() => made.add(again))).message).toMatch(/key of Ada already/);
    const mixed = importedCard(
      ada.card.suite,
      [bob.card.kem.publicKey, ...ada.card.signing.map(({ publicKey }) => publicKey)] as never,
      { name: 'X', now: born },
    );
    expect(await codeOf(() => made.add(mixed))).toBe('USAGE');
  });

  test('records no change that cannot be', async () => {
    const made = registry();
    await made.add(ada.card);
    await made.change(ada.card, { state: 'deactivated' }, on(2));
    const change = (state: string, more = {}) =>
      made.change(ada.card, { state: state as 'active', ...more }, on(3));
    expect((await refusal(() => change('active'))).message).toMatch(/does not become active/);
    expect(await codeOf(() => change('compromised'))).toBe('USAGE');
    expect(await codeOf(() => change('deactivated', { reason: '' }))).toBe('USAGE');
    expect(await codeOf(() => change('deactivated', { roles: ['author', 'author'] }))).toBe(
      'USAGE',
    );
    expect(eventsOf(made.directory, ada.card).length).toBe(2);
  });

  test('is never written over', async () => {
    const { directory } = registry();
    const again = () => createRegistry(directory, { name: 'Lab', signer: admin });
    expect(await codeOf(again)).toBe('OUTPUT_EXISTS');
  });

  test('goes on when a clock is behind', async () => {
    const made = registry();
    await made.add(ada.card, {}, on(5));
    await made.change(ada.card, { state: 'suspended' }, on(4));
    expect((await made.read()).entries[0]?.life.at(-1)?.time).toBe(on(5));
  });
});

describe('what an administrator cannot put into a registry, and what they can', () => {
  const active = { state: 'active', roles: [], activates: born } as const;

  test('the same key twice, in two steps or in one', async () => {
    const made = registry();
    const by = { signer: admin, now: on(1, 2) };
    const addition = { card: ada.card, change: active };
    const twice = () => made.read().then((found) => addKeys(found, [addition, addition], by));
    expect(await codeOf(twice)).toBe('USAGE');
    expect((await made.read()).entries).toEqual([]);
  });

  test('two cards with a key in common are refused, whoever signed for them', async () => {
    const made = registry();
    await made.add(ada.card);
    const keys = [eve.card.kem, ...ada.card.signing].map(({ publicKey }) => publicKey);
    const shared = importedCard(ada.card.suite, keys as [Uint8Array], { name: 'Twin', now: born });
    const blind = { ...(await made.read()), entries: [] };
    addKeys(blind, [{ card: shared, change: active }], { signer: admin, now: on(1, 3) });
    const error = await refusal(() => made.read());
    expect(error.code).toBe('REGISTRY_INVALID');
    expect(error.message).toContain('has a key in common with');
  });

  test('a registry that is made has an id, and is read as it', async () => {
    const directory = join(registry().directory, '..', 'another');
    const { id } = createRegistry(directory, { name: 'Other', signer: admin, now: born });
    const found = await readRegistry(directory, { administrators });
    expect(found).toMatchObject({
      id,
      name: 'Other',
      created: born,
      acceptBeforeCompromise: false,
    });
  });

  const hexId = 'ab'.repeat(32);
  test.each([
    ['a card with a longer name', `cards/x${hexId}.card`, 'file'],
    ['a copy of a card', `cards/${hexId}.card~`, 'file'],
    ['a directory for a card', `cards/${hexId}.card`, 'directory'],
    ['events of a longer name', `events/x${hexId}`, 'directory'],
    ['a copy of events', `events/${hexId}.old`, 'directory'],
    ['a file for events', `events/${hexId}`, 'file'],
    ['an event of a longer name', `events/ADA/x0002-${'ab'.repeat(8)}.json`, 'file'],
    ['a copy of an event', `events/ADA/0002-${'ab'.repeat(8)}.json.bak`, 'file'],
  ])('%s does not belong there', async (_, path, kind) => {
    const made = registry();
    await made.add(ada.card);
    const at = join(made.directory, path.replace('ADA', ada.card.kem.id));
    if (kind === 'file') writeFileSync(at, '');
    else mkdirSync(at);
    const error = await refusal(() => made.read());
    expect(error.code).toBe('REGISTRY_INVALID');
    expect(error.message).toContain('does not belong here');
  });

  test('a file in the place of its cards is not an empty registry', async () => {
    const made = registry();
    writeFileSync(join(made.directory, 'cards'), '');
    await expect(made.read()).rejects.toThrow();
  });
});

describe('rotation', () => {
  const rotate = async (made: Kept, options: object = {}) => {
    const found = await made.read();
    const key = found.entries[0];
    if (key === undefined) throw new Error('no key');
    return rotateKey(found, key, bob.card, { signer: admin, now: on(4), ...options });
  };
  const last = async (made: Kept, { card }: Identity) =>
    (await made.read()).entries.find(({ id }) => id === card.kem.id)?.life.at(-1);

  test('ends the old key and begins the new one in its roles', async () => {
    const made = registry();
    await made.add(ada.card, { roles: ['author', 'witness'] });
    expect((await rotate(made)).length).toBe(3);
    const successor = bob.card.kem.id;
    expect(await last(made, ada)).toMatchObject({ state: 'deactivated', successor, time: on(4) });
    expect(await last(made, bob)).toMatchObject({ state: 'active', roles: ['author', 'witness'] });
  });

  test('may leave the old key some time', async () => {
    const made = registry();
    await made.add(ada.card);
    await rotate(made, { until: on(6) });
    expect(await last(made, ada)).toMatchObject({ state: 'active', expires: on(6) });
  });

  test.each(['suspended', 'deactivated'] as const)(
    'leaves a key that is %s no time: it is not active',
    async (state) => {
      const made = registry();
      await made.add(ada.card);
      await made.change(ada.card, { state }, on(3));
      expect(await refusal(() => rotate(made, { until: on(6) }))).toMatchObject({
        code: 'USAGE',
        message: `the old key is ${state}, and cannot stay active`,
      });
    },
  );

  test('gives a compromised key a successor and nothing back', async () => {
    const made = registry();
    await made.add(ada.card);
    await made.change(ada.card, { state: 'compromised', compromised: on(2) }, on(3));
    await rotate(made);
    expect(await last(made, ada)).toMatchObject({ state: 'compromised', compromised: on(2) });
    expect(await codeOf(() => rotate(made, { until: on(6) }))).toBe('USAGE');
  });
});

describe('a history', () => {
  const damages: [string, (directory: string, files: string[]) => void, string, RegExp][] = [
    [
      'with the first event gone',
      (d, [a]) => rmSync(join(d, a ?? '')),
      'REGISTRY_INVALID',
      /event 1 is missing/,
    ],
    [
      'with the second event gone',
      (d, [, b]) => rmSync(join(d, b ?? '')),
      'REGISTRY_INVALID',
      /event 2 is missing/,
    ],
    [
      'with no event left',
      (d, files) => {
        for (const file of files) rmSync(join(d, file));
      },
      'REGISTRY_INVALID',
      /without events/,
    ],
    [
      'with its directory gone',
      (d) => rmSync(join(d, 'events', ada.card.kem.id), { recursive: true }),
      'REGISTRY_INVALID',
      /card without events/,
    ],
    [
      'with its card gone',
      (d) => rmSync(join(d, 'cards', `${ada.card.kem.id}.card`)),
      'REGISTRY_INVALID',
      /events without a card/,
    ],
    [
      'with one letter changed',
      (d, [, b]) => {
        const path = join(d, b ?? '');
        writeFileSync(path, readFileSync(path, 'utf8').replace('on leave', 'on Leave'));
      },
      'REGISTRY_UNTRUSTED',
      /signature of Admin is wrong/,
    ],
    [
      'with another spelling',
      (d, [a]) => {
        const path = join(d, a ?? '');
        writeFileSync(path, ` ${readFileSync(path, 'utf8')}`);
      },
      'REGISTRY_INVALID',
      /canonical/,
    ],
    [
      'with Windows line ends',
      (d, [a]) => {
        const path = join(d, a ?? '');
        writeFileSync(path, readFileSync(path, 'utf8').replace('\n', '\r\n'));
      },
      'REGISTRY_INVALID',
      /canonical/,
    ],
    [
      'with an event that is cut',
      (d, [a = '']) => writeFileSync(join(d, a), readFileSync(join(d, a)).subarray(0, -1)),
      'REGISTRY_INVALID',
      /does not end with a newline/,
    ],
    [
      'with two events swapped',
      (d, [a, b]) => {
        renameSync(join(d, a ?? ''), join(d, 'x'));
        renameSync(join(d, b ?? ''), join(d, a ?? ''));
        renameSync(join(d, 'x'), join(d, b ?? ''));
      },
      'REGISTRY_INVALID',
      /wrong name/,
    ],
    [
      'with an event under another number',
      (d, [, b = '']) => renameSync(join(d, b), join(d, b.replace('0002-', '0009-'))),
      'REGISTRY_INVALID',
      /wrong name/,
    ],
    [
      'with an event of another key',
      (d, [, , c = '']) => {
        const [own = ''] = eventsOf(d, bob.card);
        cpSync(join(d, own), join(d, 'events', ada.card.kem.id, own.slice(-26)));
        rmSync(join(d, c));
      },
      'REGISTRY_INVALID',
      /event of another key/,
    ],
    [
      'with a stray file',
      (d) => writeFileSync(join(d, 'events', ada.card.kem.id, 'notes.txt'), ''),
      'REGISTRY_INVALID',
      /does not belong here/,
    ],
    [
      'with a stray directory',
      (d) => mkdirSync(join(d, 'events', 'x')),
      'REGISTRY_INVALID',
      /belong/,
    ],
    [
      'by way of a link',
      (d, [a = '']) => {
        renameSync(join(d, a), join(d, 'x'));
        symlinkSync('../../x', join(d, a));
      },
      'REGISTRY_INVALID',
      /belong/,
    ],
    [
      'with another card of the same key',
      (d) => {
        const card = importedCard(ada.card.suite, [ada.card.kem.publicKey], { name: 'Ada' });
        writeFileSync(join(d, 'cards', `${ada.card.kem.id}.card`), encodeCard(card));
      },
      'REGISTRY_INVALID',
      /names another card/,
    ],
    [
      'with a card of another key',
      (d) => writeFileSync(join(d, 'cards', `${ada.card.kem.id}.card`), encodeCard(eve.card)),
      'REGISTRY_INVALID',
      /card is of another key/,
    ],
  ];
  test.each(damages)('%s is refused', async (_, damage, code, why) => {
    const { directory, read } = await lived();
    damage(directory, eventsOf(directory, ada.card));
    const error = await refusal(read);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(why);
    expect(error.message).toContain(directory);
    expect(error.hint).toMatch(/^(restore|move it out|remove|fetch)/);
  });

  test('that forks is reported with both events', async () => {
    const { directory, read, change } = await lived();
    const theirs = `${directory}-theirs`;
    cpSync(directory, theirs, { recursive: true });
    const [ours = ''] = await change(ada.card, { state: 'deactivated' }, on(4));
    const [its = ''] = await kept(theirs).change(ada.card, { state: 'suspended' }, on(4));
    // As git merges them: no file conflicts
    cpSync(join(theirs, its), join(directory, its));
    const error = await refusal(read);
    expect(error.code).toBe('REGISTRY_FORKED');
    for (const file of [ours, its]) expect(error.message).toContain(file);
    rmSync(join(directory, its));
    expect((await read()).entries.length).toBe(2);
  });

  test('that continues another past is refused', async () => {
    const { directory, read } = await lived();
    const files = eventsOf(directory, ada.card);
    const { signed } = parsed(directory, files[2] ?? '');
    rmSync(join(directory, files[2] ?? ''));
    forge(directory, { ...signed, previous: Buffer.alloc(48).toString('base64') });
    expect((await refusal(read)).message).toMatch(/does not follow/);
  });

  test.each<[string, object, RegExp]>([
    ['a transition that is not allowed', { state: 'pre-activation' }, /does not become/],
    ['a successor that is not there', { successor: eve.card.kem.id }, /successor/],
    ['itself as successor', { successor: ada.card.kem.id }, /successor/],
    ['an unknown member', { extra: 1 }, /extra/],
    ['another registry', { registry: '0'.repeat(64) }, /another registry/],
    ['another card', { card: Buffer.alloc(48).toString('base64') }, /another card/],
    ['an earlier time', { time: born }, /older/],
  ])('whose administrator signs %s is refused', async (_, wrong, why) => {
    const { directory, read } = await lived();
    const files = eventsOf(directory, ada.card);
    const { signed } = parsed(directory, files[2] ?? '');
    rmSync(join(directory, files[2] ?? ''));
    forge(directory, { ...signed, ...wrong });
    const error = await refusal(read);
    expect(error.code).toBe('REGISTRY_INVALID');
    expect(error.message).toMatch(why);
  });

  test('that a stranger continues is refused', async () => {
    const { directory, read, change } = await lived();
    await change(ada.card, { state: 'deactivated' }, on(4), eve);
    expect((await refusal(read)).message).toMatch(/no trusted administrator/);
    expect(eventsOf(directory, ada.card).length).toBe(4);
  });
});

test('a card that was altered is refused, and named', async () => {
  const { directory, read } = await lived();
  const file = join(directory, 'cards', `${ada.card.kem.id}.card`);
  writeFileSync(file, readFileSync(file, 'utf8').replace('"name":"Ada"', '"name":"Eve"'));
  const error = await refusal(read);
  expect(error.code).toBe('REGISTRY_INVALID');
  expect(error.message).toBe(`${file}: card: its signature is not its own`);
});

describe('the removal of the latest events', () => {
  test('is not seen in a directory alone', async () => {
    const { directory, read } = await lived();
    rmSync(join(directory, eventsOf(directory, ada.card)[2] ?? ''));
    expect((await read()).entries.length).toBe(2);
  });

  const pinned = async () => {
    const made = await lived();
    const checkpoint = `${made.directory}.checkpoint`;
    writeFileSync(checkpoint, encodeCheckpoint(await made.read()));
    const read = () => readRegistry(made.directory, { administrators, checkpoint });
    return { ...made, checkpoint, read };
  };

  test('is seen by whoever has a checkpoint', async () => {
    const { directory, read } = await pinned();
    expect((await read()).entries.length).toBe(2);
    rmSync(join(directory, eventsOf(directory, ada.card)[2] ?? ''));
    const error = await refusal(read);
    expect(error.code).toBe('REGISTRY_ROLLED_BACK');
    expect(error.message).toContain(`event 3 of the key ${ada.card.kem.id} is gone`);
  });

  test('with the whole key, too', async () => {
    const { directory, read } = await pinned();
    rmSync(join(directory, 'events', bob.card.kem.id), { recursive: true });
    rmSync(join(directory, 'cards', `${bob.card.kem.id}.card`));
    expect(await codeOf(read)).toBe('REGISTRY_ROLLED_BACK');
  });

  test('and a replacement, too', async () => {
    const { directory, read } = await pinned();
    const files = eventsOf(directory, ada.card);
    const { signed } = parsed(directory, files[2] ?? '');
    rmSync(join(directory, files[2] ?? ''));
    forge(directory, { ...signed, reason: 'other' });
    expect((await refusal(read)).message).toMatch(/was replaced/);
  });

  test('while what is added since is fine', async () => {
    const { add, change, read } = await pinned();
    await change(ada.card, { state: 'deactivated' }, on(5));
    await add(eve.card);
    expect((await read()).entries.length).toBe(3);
  });

  test('another registry of the same administrator is told apart', async () => {
    const { checkpoint } = await pinned();
    const { directory } = await lived();
    const error = await refusal(() => readRegistry(directory, { administrators, checkpoint }));
    expect(error.message).toMatch(/another registry/);
  });

  test.each(['{}\n', '', '{"a":1}'])('a checkpoint that is %j is refused', async (bytes) => {
    const { checkpoint, read } = await pinned();
    writeFileSync(checkpoint, bytes);
    expect(await codeOf(read)).toBe('REGISTRY_INVALID');
  });
});

test('two branches of work on different keys merge in git', async () => {
  const { directory, add, change, read } = await lived();
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd: directory,
      stdio: 'pipe',
    });
  git('init', '-q', '-b', 'main');
  const commit = () => {
    git('add', '.');
    git('commit', '-qm', 'x');
  };
  commit();
  git('checkout', '-qb', 'other');
  await change(ada.card, { state: 'deactivated' }, on(4));
  commit();
  git('checkout', '-q', 'main');
  await change(bob.card, { state: 'suspended' }, on(4));
  await add(eve.card);
  commit();
  git('merge', '-q', 'other', '-m', 'x');
  const found = await read();
  expect(found.entries.map(({ card, life }) => [card.name, life.at(-1)?.state]).sort()).toEqual([
    ['Ada', 'deactivated'],
    ['Bob', 'suspended'],
    ['Eve', 'active'],
  ]);
});
