/** The registry as an administrator keeps it, and as everyone else feels it. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectRefusal, type Outcome, scratch, sealing, strongroom, world } from './helpers.ts';

const cwd = scratch();
const run = (...args: string[]) => strongroom(args, { cwd });
const text = ({ stdout }: Outcome) => stdout.toString();
const json = ({ stdout }: Outcome) => JSON.parse(stdout.toString());
const path = (name: string) => join(cwd, name);

async function ok(...args: string[]): Promise<Outcome> {
  const outcome = await run(...args);
  expect(outcome.status, outcome.stderr).toBe(0);
  return outcome;
}

const sign = ['--sign', 'admin.key'] as const;
const admin = ['--admin', 'admin.key.card'] as const;
const at = (registry: string) => ['--registry', registry] as const;

/** A registry of its own with the lab as author and the partner as recipient. */
async function registry(name: string): Promise<string> {
  await ok('keys', 'init', '--name', 'Keys', ...at(name), ...sign);
  await ok('keys', 'add', 'lab.key.card', '--role', 'author', ...at(name), ...sign);
  await ok('keys', 'add', 'partner.key.card', ...at(name), ...sign);
  return name;
}

function policy(name: string, registryName: string, more: object = {}): string {
  const named = { path: registryName, administrators: ['admin.key.card'], ...more };
  const document = { type: 'strongroom/policy', version: 1, trust: [], registry: named };
  writeFileSync(path(name), JSON.stringify(document));
  return name;
}

beforeAll(async () => {
  await world(cwd);
  await ok('keygen', '--name', 'admin', '--plain', '-o', 'admin.key');
  await ok('seal', 'w', '-o', 'w.srm', ...sealing);
});

const commands = ['init', 'add', 'list', 'show', 'state', 'rotate', 'affected', 'export'];

describe('help', () => {
  it.each(['', ...commands, 'checkpoint'])('of keys %s leads with examples', async (command) => {
    const help = text(await ok('keys', ...command.split(' ').filter(Boolean), '--help'));
    expect(help).toMatch(new RegExp(`^Examples:\n {2}strongroom keys ${command}`));
    for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe('a registry', () => {
  it('is made, listed and shown', async () => {
    await registry('one');
    const lines = text(await ok('keys', 'list', ...at('one'), ...admin))
      .trim()
      .split('\n');
    expect(lines.map((line) => line.slice(18)).sort()).toEqual([
      'active          partner',
      'active  author  lab',
    ]);
    const listed = json(await ok('keys', 'list', '--json', ...at('one'), ...admin));
    expect(listed.registry.name).toBe('Keys');
    expect(listed.keys.map(({ state }: { state: string }) => state)).toEqual(['active', 'active']);
    const { id } = listed.keys.find(({ name }: { name: string }) => name === 'lab');
    for (const key of ['lab', id.slice(0, 10), 'lab.key.card']) {
      const shown = text(await ok('keys', 'show', key, ...at('one'), ...admin));
      expect(shown).toMatch(/^fingerprint +[0-9A-Z-]{29}\nname +lab\n/);
      expect(shown).toMatch(/\nstate +active\nroles +author\n/);
      expect(shown).toMatch(/Z {2}active from .*Z, by admin\n$/);
    }
    const gone = await ok('keys', 'list', '--state', 'destroyed', ...at('one'), ...admin);
    expect(text(gone)).toBe('');
  });

  it('takes several cards at once, all or none', async () => {
    await ok('keys', 'init', '--name', 'Keys', ...at('many'), ...sign);
    const cards = ['lab.key.card', 'partner.key.card', 'navy.key.card'];
    const added = json(await ok('keys', 'add', ...cards, '--json', ...at('many'), ...sign));
    expect(added.files.length).toBe(6);
    expectRefusal(
      await run('keys', 'add', 'stranger.key.card', 'lab.key.card', ...at('many'), ...sign),
      2,
      /the registry has the key of lab already/,
    );
    const twice = ['stranger.key.card', 'stranger.key.card'] as const;
    expectRefusal(
      await run('keys', 'add', ...twice, ...at('many'), ...sign),
      2,
      /the registry has the key of stranger already/,
    );
    expect(json(await ok('keys', 'list', '--json', ...at('many'), ...admin)).keys.length).toBe(3);
  });

  it('is believed to nobody without an administrator', async () => {
    await registry('two');
    expectRefusal(await run('keys', 'list', ...at('two')), 2, /no administrator .* is named/);
    expectRefusal(
      await run('keys', 'list', ...at('two'), '--admin', 'lab.key.card'),
      3,
      /no trusted administrator/,
    );
    expectRefusal(
      await run('keys', 'add', 'navy.key.card', ...at('two'), '--sign', 'lab.key'),
      3,
      /no trusted administrator/,
    );
    expectRefusal(
      await run('keys', 'list', ...at('two'), '--trust', policy('two.json', 'two')),
      2,
      /--trust goes without/,
    );
    expectRefusal(
      await run(
        'keys',
        'state',
        'lab',
        'suspended',
        '--reason',
        'x',
        '--sign',
        'lab.key',
        '--trust',
        'two.json',
      ),
      3,
      /lab is no administrator/,
    );
    expectRefusal(await run('keys', 'list', ...admin), 1, /no such file/);
  });

  it('names keys without doubt', async () => {
    await ok('keys', 'init', '--name', 'Keys', ...at('twins'), ...sign);
    for (const twin of ['a', 'b']) {
      await ok('keygen', '--name', 'twin', '--plain', '-o', `${twin}.key`);
      await ok('keys', 'add', `${twin}.key.card`, ...at('twins'), ...sign);
    }
    const show = (key: string) => run('keys', 'show', key, ...at('twins'), ...admin);
    expectRefusal(await show('twin'), 2, /several keys are called so/);
    expectRefusal(await show('nobody'), 1, /no key in the registry/);
    expect(text(await show('b.key.card'))).toMatch(/^fingerprint .*\nname +twin/);
  });
});

describe('states', () => {
  it('keep others from sealing to a suspended key, until it is back', async () => {
    await registry('leave');
    const trust = ['--trust', policy('leave.json', 'leave')] as const;
    const seal = (output: string) => run('seal', 'w', '-o', output, ...sealing, ...trust);
    const state = (to: string, reason: string) =>
      ok('keys', 'state', 'partner', to, '--reason', reason, ...at('leave'), ...sign);
    await state('suspended', 'laptop missing');
    expectRefusal(
      await seal('a.srm'),
      1,
      /the key of partner is in state suspended: laptop missing/,
    );
    await state('active', 'laptop found');
    expect((await seal('b.srm')).status).toBe(0);
    expect(
      text(await ok('keys', 'show', 'partner', ...at('leave'), ...admin)).match(/laptop/g),
    ).toHaveLength(2);
    expectRefusal(
      await run(
        'seal',
        'w',
        '-o',
        'c.srm',
        '-r',
        'stranger.key.card',
        '--sign',
        'lab.key',
        ...trust,
      ),
      1,
      /stranger is not in the registry/,
    );
  });

  it('refuse an author whose key was compromised, and tell the way on', async () => {
    await registry('stolen');
    const trust = ['--trust', policy('stolen.json', 'stolen')] as const;
    await ok('verify', 'w.srm', '-q', ...trust);
    await ok('keygen', '--name', 'lab 2', '--plain', '-o', 'lab2.key');
    const compromise = ['--since', '2026-01-01', '--reason', 'stolen'] as const;
    const state = (...more: string[]) =>
      run('keys', 'state', 'lab', 'compromised', ...more, ...at('stolen'), ...sign);
    expectRefusal(await state('--reason', 'stolen'), 2, /since when/);
    const told = await state(...compromise);
    expect(told.stderr).toMatch(/hint: strongroom keys affected/);
    await ok('keys', 'rotate', 'lab', 'lab2.key.card', ...at('stolen'), ...sign);
    const refused = await run('verify', 'w.srm', ...trust);
    expectRefusal(refused, 3, /w.srm: .* with the key of lab, which is compromised since 2026-01/);
    expect(refused.stderr).toMatch(/hint: .*lab 2/);
    const opening = ['-i', 'partner.key', ...trust] as const;
    expectRefusal(await run('open', 'w.srm', '-o', 'x', ...opening), 3, /compromised/);
    expectRefusal(await run('ls', 'w.srm', ...opening), 3, /compromised/);
    expectRefusal(await run('cat', 'w.srm', 'a.txt', ...opening), 3, /compromised/);
    const list = json(await ok('keys', 'list', '--json', ...at('stolen'), ...admin));
    expect(
      list.keys.map(({ name, state: s }: Record<string, string>) => `${name} ${s}`).sort(),
    ).toEqual(['lab 2 active', 'lab compromised', 'partner active']);
  });

  it('warn of what is accepted with a doubt, and name the archive', async () => {
    await registry('doubt');
    const trust = ['--trust', policy('doubt.json', 'doubt')] as const;
    await ok(
      'keys',
      'state',
      'partner',
      'compromised',
      '--since',
      '2026-01-01',
      '--reason',
      'x',
      ...at('doubt'),
      ...sign,
    );
    const { stderr, stdout } = await ok('cat', 'w.srm', 'a.txt', '-i', 'partner.key', ...trust);
    expect(stdout.toString()).toBe('hello\n');
    expect(stderr).toBe('warning: the key of partner, which opens this, is compromised\n');
  });

  it('let a deactivated key open, and nobody seal to it', async () => {
    await registry('retired');
    const trust = ['--trust', policy('retired.json', 'retired')] as const;
    await ok('keygen', '--name', 'partner 2', '--plain', '-o', 'partner2.key');
    await ok('keys', 'rotate', 'partner', 'partner2.key.card', ...at('retired'), ...sign);
    const { stderr } = await ok('cat', 'w.srm', 'a.txt', '-i', 'partner.key', ...trust);
    expect(stderr).toBe('');
    const refused = await run('seal', 'w', '-o', 'd.srm', ...sealing, ...trust);
    expectRefusal(refused, 1, /in state deactivated/);
    expect(refused.stderr).toMatch(/successor is the key of partner 2, /);
  });

  it('change as SP 800-57 allows, and not otherwise', async () => {
    await registry('states');
    const state = (to: string, ...more: string[]) =>
      run('keys', 'state', 'lab', to, '--reason', 'x', ...more, ...at('states'), ...sign);
    expectRefusal(await state('pre-activation'), 2, /active does not become pre-activation/);
    expectRefusal(await state('active', '--since', '2026-01-01'), 2, /--since goes with/);
    expectRefusal(await state('retired'), 2, /retired is unknown/);
    expectRefusal(await state('deactivated', '--successor', 'nobody'), 1, /nobody: no key/);
    expect((await state('destroyed')).status).toBe(0);
    expectRefusal(await state('active'), 2, /destroyed does not become active/);
  });
});

describe('keys affected', () => {
  const affected = (...args: string[]) => run('keys', 'affected', ...args);

  it('tells what a card opens and what it signed', async () => {
    await ok('seal', 'w', '-o', 'hidden.srm', '--hide-recipients', ...sealing);
    const both = ['w.srm', 'hidden.srm'] as const;
    expect(text(await affected('partner.key.card', ...both)).split('\n')).toEqual([
      'w.srm: opens it (epoch 1)',
      'hidden.srm: cannot be told, 1 hidden recipient (epoch 1)',
      '',
    ]);
    expect(text(await affected('lab.key.card', 'w.srm'))).toMatch(
      /^w.srm: does not open it \(epoch 1\), granted access; sealed it at .*Z\n$/,
    );
    const found = json(await ok('keys', 'affected', 'partner.key.card', 'w.srm', '--json'));
    const [id] = found.ids;
    expect(found.files[0].rings[0].opens).toBe('yes');
    expect(text(await affected(id, 'w.srm'))).toBe('w.srm: opens it (epoch 1)\n');
  });

  it('knows the names in a registry', async () => {
    await registry('names');
    const outcome = await affected('partner', 'w.srm', ...at('names'), ...admin);
    expect(text(outcome)).toBe('w.srm: opens it (epoch 1)\n');
    expectRefusal(await affected('partner', 'w.srm'), 2, /neither a card nor a key id/);
  });

  it('goes on past a file that is broken, and fails in the end', async () => {
    writeFileSync(path('broken.srm'), 'nothing');
    const outcome = await affected('partner.key.card', 'broken.srm', 'w.srm');
    expect(outcome.status).toBe(3);
    expect(text(outcome)).toBe('w.srm: opens it (epoch 1)\n');
    expect(outcome.stderr).toMatch(/warning: broken.srm: .*\nerror: 1 file of 2 could not be/);
  });
});

describe('checkpoint and export', () => {
  it('tell a registry that lost an event', async () => {
    await registry('pinned');
    const command = ['keys', 'state', 'lab', 'suspended', '--reason', 'x'] as const;
    const { files } = json(await ok(...command, '--json', ...at('pinned'), ...sign));
    await ok('keys', 'checkpoint', '-o', 'pinned.checkpoint', ...at('pinned'), ...admin);
    const checkpoint = ['--checkpoint', 'pinned.checkpoint'] as const;
    await ok('keys', 'list', ...at('pinned'), ...admin, ...checkpoint);
    rmSync(join(cwd, 'pinned', files[0]));
    await ok('keys', 'list', ...at('pinned'), ...admin);
    const refused = await run('keys', 'list', ...at('pinned'), ...admin, ...checkpoint);
    expectRefusal(refused, 3, /event 2 of the key [0-9a-f]{64} is gone/);
    const trust = policy('pinned.json', 'pinned', { checkpoint: 'pinned.checkpoint' });
    expectRefusal(await run('verify', 'w.srm', '--trust', trust), 3, /is gone/);
  });

  it('give a bill of materials', async () => {
    await registry('bill');
    const bill = json(await ok('keys', 'export', ...at('bill'), ...admin));
    expect(bill).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6' });
    expect(bill.components.map(({ name }: { name: string }) => name)).toContain(
      'X-Wing key of lab',
    );
    await ok('keys', 'export', '-o', 'bill.json', ...at('bill'), ...admin);
    expect(JSON.parse(readFileSync(path('bill.json'), 'utf8')).components).toEqual(bill.components);
    expectRefusal(
      await run('keys', 'export', '-o', 'bill.json', ...at('bill'), ...admin),
      2,
      /exists/,
    );
  });
});

it('leaves nothing half-written', () => {
  const left = readdirSync(cwd, { recursive: true }).filter((name) =>
    `${name}`.endsWith('.partial'),
  );
  expect(left).toEqual([]);
});
