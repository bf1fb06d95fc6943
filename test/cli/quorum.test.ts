/** The story of a quorum in docs, command by command, and what the commands refuse. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, scratch, shell, strongroom } from './helpers.ts';

const cwd = scratch();
const path = (name: string) => join(cwd, name);
const run = (...args: string[]) => strongroom(args, { cwd });

async function ok(...args: string[]): Promise<Outcome> {
  const outcome = await run(...args);
  expect(outcome.status, outcome.stderr).toBe(0);
  return outcome;
}

const heading = '## Decisions by quorum';

/** The section, whichever file of docs it stands in. */
function section(): string {
  const files = readdirSync('docs').filter((name) => name.startsWith('custody'));
  const found = files.map((name) => readFileSync(join('docs', name), 'utf8'));
  const text = found.find((each) => each.includes(heading)) ?? '';
  const [, rest = ''] = text.split(heading);
  return rest.split(/\n## /)[0] ?? '';
}

const blocks = (language: string) =>
  [...section().matchAll(/```(\w+)\n([\s\S]*?)```/g)]
    .filter(([, name]) => name === language)
    .map(([, , body = '']) => body);

/** What a person does at a prompt, and a test with an option. */
const atPrompts: readonly (readonly [command: RegExp, option: string])[] = [
  [/quorum request /, ' --plain'],
  [/quorum (approve|prove) /, ' --yes'],
];

const people = ['lab', 'vera', 'ada', 'ben', 'cleo', 'dan', 'eva', 'finn', 'gus'];

beforeAll(async () => {
  await Promise.all(people.map((name) => ok('keygen', '-n', name, '--plain', '-o', `${name}.key`)));
  await shell('mkdir weights && printf "hello\\n" > weights/a.txt', { cwd });
  const trust = { card: 'lab.key.card', roles: ['author', 'custodian'] };
  const policy = { type: 'strongroom/policy', version: 1, trust: [trust] };
  writeFileSync(path('policy.json'), JSON.stringify(policy));
  const [board = ''] = blocks('json');
  writeFileSync(path('board.json'), board);
  writeFileSync(
    path('new-board.json'),
    board.replace('"ada.key.card", ', '').replace('"dan.key.card", ', ''),
  );
});

describe('the story in docs', () => {
  const said: Record<string, Outcome> = {};

  it('runs, command by command', async () => {
    const commands = blocks('sh').flatMap((block) => block.trim().split('\n'));
    expect(commands.length).toBeGreaterThan(15);
    for (const command of commands) {
      const options = atPrompts
        .filter(([which]) => which.test(command))
        .map(([, option]) => option);
      const script = command.replace(/^strongroom/, '"$node" "$strongroom"') + options.join('');
      const outcome = await shell(script, { cwd });
      expect(outcome.status, `${command}\n${outcome.stderr}`).toBe(0);
      said[command.split(' ').slice(1, 4).join(' ')] = outcome;
    }
  });

  it('says what it says it says', () => {
    expect(readFileSync(path('opened/a.txt'), 'utf8')).toBe('hello\n');
    expect(statSync(path('audit.req.key')).mode & 0o777).toBe(0o600);
    const shown = said['quorum show audit.req']?.stdout.toString() ?? '';
    expect(shown).toMatch(
      /^by +"vera"\n +whom your trust does not name.*\nfingerprint +[0-9A-Z-]{29}$/m,
    );
    expect(shown).toMatch(/^for +"safety audit of March"$/m);
    expect(shown).toMatch(/^decided by +1 of 2 of legal: ada, ben\nand by +2 of 5 of security/m);
    expect(said['quorum approve audit.req']?.stderr).toContain(shown.trim());
    expect(said['quorum combine audit.req']?.stdout.toString()).toMatch(
      /^legal +1 answered, 1 needed: ada\nsecurity +2 answered, 2 needed: cleo, dan\nthe key fits/,
    );
    expect(said['quorum check drill.req']?.stdout.toString()).toMatch(/they could open/);
    expect(said['inspect weights.srm']?.stdout.toString()).toMatch(
      /^quorum [0-9a-f]{8} +1 of 2 of legal: ada, ben\n +2 of 5 of security/m,
    );
    expect(said['seal weights -o']?.stderr).toMatch(/, for 1 quorum$/m);
  });

  it('leaves the new holders in force', async () => {
    const { keyring } = JSON.parse(
      (await ok('inspect', 'weights.srm', '--json')).stdout.toString(),
    );
    expect(keyring).toMatchObject({ epoch: 2, reason: 'Ada and Dan left', recipients: [] });
    expect(keyring.quorums[0].groups[1].custodians).toHaveLength(4);
    const late = ['--archive', 'weights.srm', '--trust', 'policy.json', '--yes'];
    const refused = await run(
      'quorum',
      'approve',
      'audit.req',
      '-i',
      'ben.key',
      '-o',
      'no',
      ...late,
    );
    expect(refused.status).toBe(3);
    expect(refused.stderr).toMatch(/^error: audit\.req: the request asks a quorum .* not have/m);
  });
});

describe('the commands', () => {
  const about = ['--archive', 'v.srm', '--signer', 'lab.key.card'];
  const approve = (name: string, ...more: string[]) =>
    run('quorum', 'approve', 'v.req', '-i', `${name}.key`, '-o', `${name}.v`, ...about, ...more);
  const combine = (...more: string[]) =>
    run('quorum', 'combine', 'v.req', ...more, '--request-key', 'v.req.key', ...about);

  beforeAll(async () => {
    await ok('seal', 'weights', '-o', 'v.srm', '--quorum', 'board.json', '--sign', 'lab.key');
    writeFileSync(path('pass'), 'open sesame\n');
    await ok(
      ...['quorum', 'request', 'v.srm', '-o', 'v.req', '--purpose', 'test', '--expires', '2h'],
      ...['--sign', 'vera.key', '--key-passphrase-file', 'pass'],
    );
    for (const name of ['ada', 'cleo', 'dan']) {
      const given = await approve(name, '--yes');
      expect(given.status, given.stderr).toBe(0);
    }
  });

  it('need a decision: there is no approval without a terminal or --yes', async () => {
    const { status, stderr } = await approve('ben');
    expect(status).toBe(2);
    expect(stderr).toMatch(/no terminal to ask on\nhint: .*--yes/);
    expect(existsSync(path('ben.v'))).toBe(false);
  });

  it.skipIf(spawnSync('script', ['--version']).error !== undefined)(
    'ask on a terminal, where only yes is yes',
    async () => {
      const command = `stty cols 80; $node $strongroom quorum approve v.req -i ben.key ${about.join(' ')}`;
      // The key is typed once the question stands, or the command has ended without one
      const answered = (key: string, file: string) =>
        shell(
          `mkfifo ${file}.in; script -qfec "${command} -o ${file}" ${file}.log < ${file}.in > /dev/null &
          exec 3> ${file}.in
          until grep -q 'Do you approve' ${file}.log 2> /dev/null || ! kill -0 $!; do sleep 0.1; done
          printf '${key}' >&3
          wait $!`,
          { cwd },
        );
      await answered('n', 'no.v');
      await answered('y', 'yes.v');
      expect(readFileSync(path('no.v.log'), 'utf8')).toMatch(
        /Do you approve\?[\s\S]*error:.* declined/,
      );
      expect([existsSync(path('no.v')), existsSync(path('yes.v'))]).toEqual([false, true]);
    },
  );

  it('let no purpose look like a line of ours', async () => {
    const purpose = `audit${' '.repeat(200)}by           "lab"`;
    const asking = ['--expires', '2h', '--sign', 'vera.key', '--plain'];
    await ok('quorum', 'request', 'v.srm', '-o', 's.req', '--purpose', purpose, ...asking);
    const { stdout } = await ok('quorum', 'show', 's.req', 'v.srm', '--signer', 'lab.key.card');
    expect(stdout.toString()).toMatch(/^for +"audit by \\"lab\\""$/m);
  });

  it('list and read with approvals', async () => {
    const approvals = ['--approvals', 'ada.v', 'cleo.v', 'dan.v', '--signer', 'lab.key.card'];
    const key = [
      '--request',
      'v.req',
      '--request-key',
      'v.req.key',
      '--key-passphrase-file',
      'pass',
    ];
    const listed = await ok('ls', 'v.srm', ...key, ...approvals);
    expect(listed.stdout.toString()).toBe('a.txt\n');
    const read = await ok('cat', 'v.srm', 'a.txt', ...key, ...approvals);
    expect(read.stdout.toString()).toBe('hello\n');
  });

  it('look at the epoch, each of them', async () => {
    const newer = ['--min-epoch', '2'];
    const drill = ['-o', 'd.req', '--purpose', 'p', '--expires', '2h', '--sign', 'vera.key'];
    const trusting = ['--signer', 'lab.key.card'];
    await ok('quorum', 'challenge', 'v.srm', ...drill, ...trusting, '--min-epoch', '1');
    const key = ['--key-passphrase-file', 'pass'];
    for (const refused of [
      await approve('ben', '--yes', ...newer),
      await combine('ada.v', 'cleo.v', 'dan.v', ...key, ...newer),
      await run('quorum', 'show', 'v.req', 'v.srm', ...trusting, ...newer),
      await run('quorum', 'check', 'd.req', 'ada.v', ...about, ...newer),
      await run('quorum', 'request', 'v.srm', ...drill.with(1, 'n.req'), ...trusting, ...newer),
      await run('quorum', 'challenge', 'v.srm', ...drill.with(1, 'n.req'), ...trusting, ...newer),
    ]) {
      expect([refused.status, refused.stderr]).toEqual([
        3,
        expect.stringMatching(/key ring is of epoch 1, and at least 2 is asked/),
      ]);
    }
    const blind = await run('quorum', 'challenge', 'v.srm', ...drill.with(1, 'n.req'), ...newer);
    expect([blind.status, blind.stderr]).toEqual([
      2,
      expect.stringMatching(/--min-epoch needs to know whose key rings count/),
    ]);
  });

  it('need the passphrase of the request key', async () => {
    expect((await combine('ada.v', 'cleo.v', 'dan.v')).stderr).toMatch(/a passphrase is needed/);
    writeFileSync(path('wrong'), 'close sesame\n');
    const wrong = await combine('ada.v', 'cleo.v', 'dan.v', '--key-passphrase-file', 'wrong');
    expect([wrong.status, wrong.stderr]).toEqual([
      4,
      expect.stringMatching(/does not open the request key/),
    ]);
  });

  it('say who is missing', async () => {
    const { status, stderr } = await combine('ada.v', 'cleo.v', '--key-passphrase-file', 'pass');
    expect(status).toBe(4);
    expect(stderr).toMatch(/missing: 1 of security\nhint: .*security: dan, eva, finn, gus$/m);
  });

  it('open, and report in JSON without the key', async () => {
    const json = ['--key-passphrase-file', 'pass', '--json', '-o', 'v'];
    const { status, stdout, stderr } = await combine('ada.v', 'cleo.v', 'dan.v', ...json);
    expect(status, stderr).toBe(0);
    const report = JSON.parse(stdout.toString());
    expect(Object.keys(report)).toEqual(['archive', 'split', 'purpose', 'groups', 'opened']);
    expect(report.opened.files).toBe(1);
    expect(readFileSync(path('v/a.txt'), 'utf8')).toBe('hello\n');
  });

  it.each([
    ['--approvals alone', ['--approvals', 'ada.v'], /three things together/],
    ['neither key nor approvals', [], /nobody is named whose key opens it/],
    [
      'both',
      ['-i', 'lab.key', '--approvals', 'a', '--request', 'v.req', '--request-key', 'v.req.key'],
      /do not go together/,
    ],
  ])('open refuses %s', async (_, args, words) => {
    const { status, stderr } = await run(
      ...['open', 'v.srm', '-o', 'no', '--signer', 'lab.key.card'],
      ...args,
    );
    expect([status, stderr]).toEqual([2, expect.stringMatching(words)]);
  });

  it.each([
    ['a custodian', 'ada', /hint: it holds a share of a quorum: .*quorum request/],
    ['an author', 'lab', /hint: a quorum alone can open it: .*quorum request/],
  ])('tell %s who tries alone what to do', async (_, name, hint) => {
    const { status, stderr } = await run(
      ...['ls', 'v.srm', '-i', `${name}.key`, '--signer', 'lab.key.card'],
    );
    expect(status).toBe(4);
    expect(stderr).toMatch(hint);
  });

  it('lead their help with examples', async () => {
    const names = [
      '',
      'request',
      'show',
      'approve',
      'combine',
      'challenge',
      'prove',
      'check',
      'reshare',
    ];
    for (const name of names) {
      const { stdout } = await ok('quorum', ...(name === '' ? [] : [name]), '--help');
      const help = stdout.toString();
      expect(help).toMatch(new RegExp(`^Examples:\n {2}strongroom quorum ${name}`));
      for (const line of help.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    }
  });
});
