/** What seal, open, verify, list and cat allow for each state of each key that takes part. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  cat,
  grant,
  type Identity,
  list,
  open,
  readRegistry,
  seal,
  type Trust,
  verify,
} from '#strongroom/index.js';
import type { KeyState } from '#strongroom/keys/states.js';
import { refusal } from '../../keys/helpers.ts';
import { makeArchive, sharedWorkspace, workspace } from '../../support/archive.ts';
import { ada, administrators, bob, born, eve, type Kept, on, registry } from './helpers.ts';

// Archives are sealed at the time of the clock, so what comes later is far in the future
const earlier = on(2);
const later = '2090-01-01T00:00:00Z';
const latest = '2091-01-01T00:00:00Z';

const root = sharedWorkspace();
let archive = '';
beforeAll(async () => {
  // Ada seals and grants, Bob reads; Eve is nobody
  const who = { author: ada, reader: bob, insider: eve, stranger: eve, trust: { entries: [] } };
  archive = await makeArchive(root, { who, files: { a: 'hello' }, recipients: [bob.card] });
});

async function trust(made: Kept, more: Partial<Trust> = {}) {
  const warnings: string[] = [];
  const found: Trust = {
    ...(await readRegistry(made.directory, { administrators })),
    ...more,
    onWarning: (message) => warnings.push(message),
  };
  return { trust: found, warnings };
}

async function both(): Promise<Kept> {
  const made = registry();
  await made.add(ada.card, { roles: ['author', 'custodian'] });
  await made.add(bob.card);
  return made;
}

/** Brings a key into a state, from the time `when` on. */
async function put(made: Kept, { card }: Identity, state: KeyState, when: string): Promise<void> {
  if (state === 'active') return;
  await made.change(
    card,
    { state, ...(state === 'compromised' ? { compromised: when } : {}), reason: 'a reason' },
    when,
  );
}

const states: KeyState[] = ['active', 'suspended', 'deactivated', 'compromised', 'destroyed'];

describe('sealing', () => {
  const sealing = async (made: Kept) => {
    const output = join(workspace(), 'new.srm');
    const held = (await trust(made)).trust;
    return seal(join(root, 'archive-source'), {
      output,
      recipients: [bob.card],
      signer: ada,
      trust: held,
    });
  };

  test.each(
    states.flatMap(
      (state) =>
        [
          ['recipient', state, bob],
          ['signer', state, ada],
        ] as const,
    ),
  )('with a %s whose key is %s', async (_, state, who) => {
    const made = await both();
    await put(made, who, state, earlier);
    if (state === 'active') {
      expect((await sealing(made)).files).toBe(1);
      return;
    }
    const error = await refusal(() => sealing(made));
    expect(error.code).toBe('KEY_STATE');
    expect(error.message).toContain(`the key of ${who.card.name} is in state ${state}: a reason`);
  });

  test.each<[string, object, string]>([
    ['not yet active', { activates: later }, 'pre-activation'],
    ['active no longer', { activates: born, expires: earlier }, 'deactivated'],
    ['in pre-activation', { state: 'pre-activation', activates: undefined }, 'pre-activation'],
  ])('for a key that is %s is refused', async (_, change, state) => {
    const made = registry();
    await made.add(ada.card);
    await made.add(bob.card, change);
    expect((await refusal(() => sealing(made))).message).toContain(`in state ${state}`);
  });

  test('for a key that the registry does not have is refused', async () => {
    const made = registry();
    await made.add(ada.card);
    const error = await refusal(() => sealing(made));
    expect(error).toMatchObject({ code: 'KEY_UNLISTED' });
    expect(error.message).toContain('Bob');
  });

  test('names the successor at the end of the chain', async () => {
    const made = await both();
    await made.add(eve.card);
    await made.change(bob.card, { state: 'deactivated', successor: ada.card.kem.id }, earlier);
    await made.change(ada.card, { state: 'active', successor: eve.card.kem.id }, earlier);
    expect((await refusal(() => sealing(made))).hint).toContain(`Eve, ${eve.card.fingerprint}`);
    // Two that name each other do not keep it busy for ever
    await made.change(eve.card, { state: 'active', successor: bob.card.kem.id }, earlier);
    expect((await refusal(() => sealing(made))).hint).toMatch(/successor is the key of/);
  });
});

describe('granting', () => {
  const grantTo = async (made: Kept) => {
    const copy = join(workspace(), 'copy.srm');
    copyFileSync(archive, copy);
    const held = (await trust(made)).trust;
    await grant(copy, { identity: bob, trust: held, add: [eve.card] });
    return copy;
  };
  const world = async () => {
    const made = registry();
    await made.add(ada.card, { roles: ['author'] });
    await made.add(bob.card, { roles: ['custodian'] });
    await made.add(eve.card);
    return made;
  };

  test('to a key that is not active is refused', async () => {
    const made = await world();
    await put(made, eve, 'suspended', earlier);
    const error = await refusal(() => grantTo(made));
    expect(error).toMatchObject({ code: 'KEY_STATE' });
    expect(error.message).toContain('Eve');
  });

  test('by a custodian whose key is not active is refused', async () => {
    const made = await world();
    await put(made, bob, 'suspended', earlier);
    expect((await refusal(() => grantTo(made))).code).toBe('KEY_STATE');
  });

  test('by a key that was not active then is not believed', async () => {
    const made = await world();
    const copy = await grantTo(made);
    await put(made, bob, 'suspended', earlier);
    const error = await refusal(async () => verify(copy, { trust: (await trust(made)).trust }));
    expect(error.code).toBe('KEYRING_UNTRUSTED');
    expect(error.message).toMatch(/granted access at .* with the key of Bob/);
  });

  test('by a key that is compromised since leaves nobody in doubt', async () => {
    const made = await world();
    const copy = await grantTo(made);
    await verify(copy, { trust: (await trust(made)).trust });
    await put(made, bob, 'compromised', earlier);
    const error = await refusal(async () => verify(copy, { trust: (await trust(made)).trust }));
    expect(error.code).toBe('KEY_COMPROMISED');
    expect(error.message).toMatch(/granted access at .* with the key of Bob/);
  });
});

describe('opening', () => {
  const opening = (held: Trust) =>
    open(archive, { output: join(workspace(), 'out'), identity: bob, trust: held });

  test.each<[KeyState, 'opens' | 'warns' | 'KEY_STATE']>([
    ['active', 'opens'],
    ['suspended', 'warns'],
    ['deactivated', 'opens'],
    ['compromised', 'warns'],
    ['destroyed', 'KEY_STATE'],
  ])('with a key that is %s: %s', async (state, wanted) => {
    const made = await both();
    await put(made, bob, state, earlier);
    const held = await trust(made);
    if (wanted === 'KEY_STATE') {
      expect((await refusal(() => opening(held.trust))).code).toBe(wanted);
      return;
    }
    expect((await opening(held.trust)).files).toBe(1);
    expect(held.warnings).toEqual(
      wanted === 'warns' ? [`the key of Bob, which opens this, is ${state}`] : [],
    );
  });

  test('with a key that is not active yet is refused', async () => {
    const made = registry();
    await made.add(ada.card, { roles: ['author'] });
    await made.add(bob.card, { state: 'pre-activation', activates: undefined });
    const held = (await trust(made)).trust;
    expect((await refusal(() => opening(held))).code).toBe('KEY_STATE');
  });

  test('with a key that is not listed works', async () => {
    const made = registry();
    await made.add(ada.card, { roles: ['author'] });
    expect((await opening((await trust(made)).trust)).files).toBe(1);
  });
});

/** Every way to read an archive that ends in trusting its author and granter. */
const readers: [string, (held: Trust) => Promise<unknown>][] = [
  ['verify', (held) => verify(archive, { trust: held })],
  ['verify with a key', (held) => verify(archive, { trust: held, identity: bob })],
  ['open', (held) => open(archive, { output: join(workspace(), 'o'), identity: bob, trust: held })],
  ['list', (held) => list(archive, { identity: bob, trust: held })],
  ['cat', (held) => cat(archive, 'a', { identity: bob, trust: held }, () => {})],
];

describe.each(readers)('%s', (_, read) => {
  test.each<[KeyState, RegExp]>([
    ['suspended', /in state suspended/],
    ['deactivated', /in state deactivated/],
    ['compromised', /is compromised since/],
    ['destroyed', /in state destroyed/],
  ])('refuses an author whose key was %s then', async (state, why) => {
    const made = await both();
    await put(made, ada, state, earlier);
    const error = await refusal(async () => read((await trust(made)).trust));
    expect(error.exitStatus).toBe(3);
    expect(error.message).toMatch(why);
    expect(error.message).toContain(archive);
    expect(error.message).toContain('Ada');
  });

  test.each<[KeyState, number]>([
    ['active', 0],
    ['suspended', 1],
    ['deactivated', 0],
    ['destroyed', 0],
  ])('accepts an author whose key became %s later', async (state, doubts) => {
    const made = await both();
    await put(made, ada, state, later);
    const { trust: held, warnings } = await trust(made);
    await read(held);
    expect(warnings.length > 0).toBe(doubts > 0);
    for (const warning of warnings) {
      expect(warning).toContain(archive);
      expect(warning).toMatch(/suspended now/);
    }
  });

  test('refuses a time before the compromise, which is the word of whoever has the key', async () => {
    const made = await both();
    await made.change(ada.card, { state: 'compromised', compromised: later }, latest);
    const error = await refusal(async () => read((await trust(made)).trust));
    expect(error.code).toBe('KEY_COMPROMISED');
    expect(error.message).toMatch(/its word alone/);
  });

  test('accepts that where the policy says so, and tells which archive it is', async () => {
    const made = await both();
    await made.change(ada.card, { state: 'compromised', compromised: later }, latest);
    const { trust: held, warnings } = await trust(made, { acceptBeforeCompromise: true });
    await read(held);
    expect(warnings.length).toBeGreaterThan(0);
    for (const warning of warnings) {
      expect(warning).toContain(archive);
      expect(warning).toMatch(/before its compromise at 2090/);
    }
  });

  test('never accepts a time after the compromise', async () => {
    const made = await both();
    await made.change(ada.card, { state: 'compromised', compromised: earlier }, latest);
    const { trust: held } = await trust(made, { acceptBeforeCompromise: true });
    expect((await refusal(() => read(held))).code).toBe('KEY_COMPROMISED');
  });

  test('refuses an author who has the role no longer', async () => {
    const made = await both();
    await made.change(ada.card, { state: 'active', roles: [] }, later);
    const { trust: held } = await trust(made);
    expect((await refusal(() => read(held))).exitStatus).toBe(3);
  });
});
