/** Commands that change who can open an archive; and every command of the guide, as it stands there. */
import { copyFileSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectRefusal, type Outcome, scratch, shell, strongroom, world } from './helpers.ts';

const cwd = scratch();
const run = (...args: string[]) => strongroom(args, { cwd });
const json = ({ stdout }: Outcome) => JSON.parse(stdout.toString());

async function ok(...args: string[]): Promise<Outcome> {
  const outcome = await run(...args);
  expect(outcome.status, outcome.stderr).toBe(0);
  return outcome;
}

const as = (name: string) => ['-i', `${name}.key`, '--signer', 'lab.key.card'];
/** The archive as it was sealed, and nothing remembered of it. */
const reset = () => {
  copyFileSync(join(cwd, 'w.srm'), join(cwd, 'a.srm'));
  rmSync(join(cwd, '.state'), { recursive: true, force: true });
};

beforeAll(async () => {
  await world(cwd);
  const recipients = ['-r', 'lab.key.card', '-r', 'partner.key.card'];
  await ok('seal', 'w', '-o', 'w.srm', ...recipients, '--sign', 'lab.key');
});

describe('grant and revoke', () => {
  it('report in words and in JSON', async () => {
    reset();
    const fresh = ['--no-memory'];
    const granted = await ok('grant', 'a.srm', '-r', 'stranger.key.card', ...as('lab'), ...fresh);
    expect(granted.stdout.toString()).toBe('');
    expect(granted.stderr).toBe(
      'granted access to stranger\nwrote epoch 2 into a.srm: 3 recipients\n',
    );
    await ok('ls', 'a.srm', ...as('stranger'), ...fresh);

    const who = ['-r', 'stranger.key.card', '--reason', 'left'];
    const revoked = await ok('revoke', 'a.srm', ...who, ...as('lab'), ...fresh, '--json');
    expect(json(revoked)).toMatchObject({
      epoch: 3,
      recipients: 2,
      reason: 'left',
      output: 'a.srm',
      removed: [{ name: 'stranger' }],
    });
    expect(revoked.stderr).toMatch(/may have kept the key/);
    expectRefusal(await run('ls', 'a.srm', ...as('stranger'), ...fresh), 4, /was not sealed to/);

    const listed = await ok('recipients', 'a.srm', '--signer', 'lab.key.card', '--json');
    expect(json(listed)).toMatchObject({
      epoch: 3,
      verified: true,
      reason: 'left',
      grantedBy: { name: 'lab' },
      recipients: [{ name: 'lab' }, { key: expect.stringMatching(/^[0-9a-f]{64}$/) }],
    });
  });

  it('warn whoever is revoked, also when quiet', async () => {
    reset();
    const options = [...as('lab'), '--no-memory', '-q'];
    expect((await ok('grant', 'a.srm', '-r', 'stranger.key.card', ...options)).stderr).toBe('');
    const { stderr } = await ok('revoke', 'a.srm', '-r', 'stranger.key.card', ...options);
    expect(stderr).toMatch(/^warning: whoever had access may have kept the key.*\nhint: .*rekey/);
  });

  it('warn that nobody vouches for a list without trust', async () => {
    reset();
    const { stdout, stderr } = await ok('recipients', 'a.srm', '--card', 'partner.key.card');
    expect(stdout.toString()).toMatch(
      /epoch 1 of .*\nrecipients {2}key .*\n {12}[0-9A-Z-]{29}, partner\n/,
    );
    expect(stderr).toMatch(/^warning: nobody is trusted here/);
  });
});

describe('refusals', () => {
  const cases: [string[], number, RegExp][] = [
    [['grant', 'a.srm', ...as('lab')], 2, /nobody is named/],
    [['grant', 'a.srm', '-r', 'partner.key.card', ...as('lab')], 1, /has access already/],
    [['grant', 'a.srm', '-r', 'navy.key.card', ...as('lab')], 1, /is of suite cnsa2/],
    [
      ['grant', 'a.srm', '-r', 'stranger.key.card', ...as('partner')],
      1,
      /neither the trusted author/,
    ],
    [
      ['grant', 'a.srm', '-r', 'stranger.key.card', '-i', 'lab.key'],
      2,
      /no trusted author is named/,
    ],
    [['grant', 'none.srm', '-r', 'stranger.key.card', ...as('lab')], 1, /no such file/],
    [
      ['grant', 'a.srm', '-r', 'stranger.key.card', ...as('lab'), '-o', 'w.srm'],
      2,
      /exists already/,
    ],
    [
      ['grant', 'a.srm', '-r', 'stranger.key.card', ...as('lab'), '--keyring', 'x'],
      2,
      /not changed in place/,
    ],
    [
      ['grant', 'a.srm', '-r', 'stranger.key.card', ...as('lab'), '--min-epoch', '2'],
      3,
      /at least 2 is asked/,
    ],
    [['revoke', 'a.srm', ...as('lab')], 2, /name who loses access, or who keeps it/],
    [['revoke', 'a.srm', '-r', 'stranger.key.card', ...as('lab')], 1, /has no access/],
    [['revoke', 'a.srm', '-r', 'lab.key.card', ...as('lab')], 1, /would lose access too/],
    [['revoke', 'a.srm', '-r', 'beef', ...as('lab')], 1, /beef: no such file/],
    [['rekey', 'a.srm', '-o', 'n.srm', ...as('lab')], 2, /nobody could open it/],
    [['rekey', 'a.srm', '-o', 'w.srm', '-r', 'lab.key.card', ...as('lab')], 2, /exists already/],
    [
      ['rekey', 'a.srm', '-o', 'n.srm', '-r', 'lab.key.card', ...as('partner')],
      1,
      /is not trusted as an author/,
    ],
    [['verify', 'a.srm', '--signer', 'lab.key.card', '--min-epoch', '7'], 3, /at least 7 is asked/],
    [['verify', 'a.srm', '--signer', 'lab.key.card', '--min-epoch', '0'], 2, /0 is not allowed/],
  ];
  it.each(cases)('%j', async (args, status, words) => {
    reset();
    expectRefusal(await run(...args), status, words);
    expect(readFileSync(join(cwd, 'a.srm')).equals(readFileSync(join(cwd, 'w.srm')))).toBe(true);
    expect(readdirSync(cwd)).not.toContain('n.srm');
  });
});

describe('the memory of epochs', () => {
  it('is on, and can be switched off', async () => {
    reset();
    await ok('grant', 'a.srm', '-r', 'stranger.key.card', ...as('lab'));
    copyFileSync(join(cwd, 'w.srm'), join(cwd, 'a.srm'));
    for (const command of ['ls', 'verify']) {
      const args = command === 'ls' ? as('lab') : as('lab').slice(2);
      expectRefusal(
        await run(command, 'a.srm', ...args),
        3,
        /epoch 1, and epoch 2 was seen before/,
      );
      await ok(command, 'a.srm', ...args, '--no-memory');
    }
    expectRefusal(
      await run('open', 'a.srm', '-o', 'o', ...as('lab')),
      3,
      /epoch 2 was seen before/,
    );
    const piped = 'cat a.srm | "$node" "$strongroom" open - -o o -i lab.key --signer lab.key.card';
    expectRefusal(await shell(piped, { cwd }), 3, /epoch 2 was seen before/);
    expectRefusal(await run('cat', 'a.srm', 'a.txt', ...as('lab')), 3, /epoch 2 was seen before/);
  });

  it('that is broken is a warning', async () => {
    reset();
    const env = { STRONGROOM_STATE_DIR: join(cwd, 'w', 'a.txt') };
    const { status, stderr } = await strongroom(['ls', 'a.srm', ...as('lab')], { cwd, env });
    expect(status).toBe(0);
    expect(stderr).toMatch(/^warning: .*is not remembered/m);
  });
});

describe('the guide', () => {
  const guide = readFileSync(resolve('docs/custody.access.md'), 'utf8');
  const blocks = [...guide.matchAll(/^```(sh|json)(?: exits (\d))?\n([\s\S]*?)^```$/gm)];

  const inside = { cwd: scratch() };

  it('works as it is written', async () => {
    for (const name of ['lab', 'ada', 'bob', 'cleo']) {
      const args = ['keygen', '--name', name, '--plain', '-o', `${name}.key`];
      expect((await strongroom(args, inside)).status).toBe(0);
    }
    const prepare = `mkdir w && echo hello > w/a
      strongroom() { "$node" "$strongroom" "$@"; }
      strongroom seal w -o weights.srm -r lab.key.card -r ada.key.card --sign lab.key`;
    expect((await shell(prepare, inside)).status).toBe(0);
    let commands = 0;
    for (const [, language, status = '0', text = ''] of blocks) {
      if (language === 'json') {
        expect((await shell('cat > policy.json', { ...inside, input: text })).status).toBe(0);
        continue;
      }
      // Each line for itself, so that none hides behind the next
      for (const line of text.trim().split('\n')) {
        const script = `strongroom() { "$node" "$strongroom" "$@"; }\n${line}`;
        const { status: ended, stderr } = await shell(script, inside);
        expect(ended, `${line}\n${stderr}`).toBe(Number(status));
        commands++;
      }
    }
    expect(commands).toBeGreaterThan(12);
  });
});
