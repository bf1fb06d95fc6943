/** Every command doing what it is for. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, opening, scratch, sealing, shell, strongroom, world } from './helpers.ts';

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

beforeAll(async () => {
  await world(cwd);
  await ok('seal', 'w', '-o', 'w.srm', ...sealing);
});

const access = ['recipients', 'grant', 'revoke', 'rekey'];
const commands = [
  'keygen',
  'seal',
  'open',
  'verify',
  'inspect',
  'ls',
  'cat',
  'serve',
  'run',
  'card',
  ...access,
];
const modelCommands = ['bom', 'oms', 'oms sign', 'oms verify', 'oms export'];
const cardCommands = ['show', 'check', 'export', 'import'].map((name) => `card ${name}`);

describe('help', () => {
  it.each(['', ...commands, ...cardCommands, ...modelCommands])(
    '%s leads with examples',
    async (command) => {
      const help = text(await ok(...command.split(' ').filter(Boolean), '--help'));
      expect(help).toMatch(new RegExp(`^Examples:\n {2}strongroom ${command}`));
      for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    },
  );

  it.each(['', 'seal', 'keys add'])('of "%s" is what "help" shows too', async (command) => {
    const names = command.split(' ').filter(Boolean);
    expect(text(await ok('help', ...names))).toBe(text(await ok(...names, '--help')));
  });

  it('of a command that is not there says where to look', async () => {
    const { status, stderr } = await strongroom(['help', 'keys', 'ad'], { cwd });
    expect(status).toBe(2);
    expect(stderr).toBe(`error: unknown command 'ad'\nhint: see "strongroom keys --help"\n`);
  });

  it('tells every exit status', async () => {
    expect(text(await ok('--help'))).toMatch(
      /0 ok, 1 failure, 2 usage, 3 verification failed, 4 no key fits,\n130 interrupted/,
    );
  });

  it('tells the version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(text(await ok('--version'))).toBe(`${version}\n`);
  });

  it('loads neither schemas nor cryptography', async () => {
    const trace = `--import=data:text/javascript,${encodeURIComponent(
      "import { registerHooks } from 'node:module'; registerHooks?.({ load: (url, context, next) => { if (/zod|noble|crypto.provider/.test(url)) throw new Error(url); return next(url, context); } })",
    )}`;
    // Older releases have no such hooks; there the other tests of this file remain
    const hooks = (await import('node:module')) as { registerHooks?: unknown };
    const env = hooks.registerHooks === undefined ? {} : { NODE_OPTIONS: trace };
    const { status, stderr } = await strongroom(['seal', '--help'], { cwd, env });
    expect(status, stderr).toBe(0);
  });
});

describe('keygen', () => {
  it('writes a private identity and a public card, and says what to do next', async () => {
    const { stderr, stdout } = await ok('keygen', '-n', 'Ada', '--plain', '-o', 'ada.key');
    expect(stdout.length).toBe(0);
    expect(stderr).toMatch(
      /warning: ada\.key: no passphrase .*\nwrote ada\.key and ada\.key\.card/,
    );
    expect(stderr).toMatch(
      /fingerprint (?:[0-9A-Z]{5}-){4}[0-9A-Z]{5}\nhint: share ada\.key\.card/,
    );
    expect(statSync(path('ada.key')).mode & 0o777).toBe(0o600);
    expect(statSync(path('ada.key.card')).mode & 0o777).toBe(0o644);
  });

  it('takes dates and spans, and reports in JSON', async () => {
    const dated = await ok(
      ...['keygen', '-n', 'x', '--plain', '-o', 'x1', '--expires', '2099-01-31', '--json'],
    );
    expect(json(dated)).toMatchObject({
      identity: 'x1',
      card: 'x1.card',
      name: 'x',
      suite: 'hybrid',
      expires: '2099-01-31T00:00:00Z',
    });
    const span = await ok(
      ...['keygen', '-n', 'x', '--plain', '-o', 'x2', '--expires', '2y', '--json'],
    );
    const { created, expires } = json(span);
    expect(Number(expires.slice(0, 4)) - Number(created.slice(0, 4))).toBe(2);
  });
});

describe('card', () => {
  it('shows a card and the card of an identity alike', async () => {
    const shown = await ok('card', 'show', 'lab.key.card', '--json');
    expect(json(shown)).toEqual(json(await ok('card', 'show', 'lab.key', '--json')));
    expect(text(await ok('card', 'show', 'lab.key.card'))).toContain(json(shown).fingerprint);
  });

  it('checks a fingerprint however it is written', async () => {
    const { fingerprint } = json(await ok('card', 'show', 'lab.key.card', '--json'));
    const sloppy = fingerprint
      .toLowerCase()
      .replaceAll('-', ' ')
      .replace('0', 'o')
      .replace('1', 'l');
    const checked = await ok('card', 'check', 'lab.key.card', '--fingerprint', sloppy, '--json');
    expect(json(checked)).toMatchObject({ fingerprint, fingerprintChecked: true });
    expect((await ok('card', 'check', 'lab.key.card')).stderr).toMatch(/^warning: .*not checked/);
  });

  it('exports and imports public keys', async () => {
    await ok('card', 'export', 'partner.key.card', '-o', 'partner.pem');
    const stdout = text(await ok('card', 'export', 'partner.key'));
    expect(readFileSync(path('partner.pem'), 'utf8')).toBe(stdout);
    const imported = await ok('card', 'import', 'partner.pem', '-n', 'P', '-o', 'p.card');
    expect(imported.stderr).toMatch(/^warning: p\.card: made from bare public keys/);
    expect(json(await ok('card', 'show', 'p.card', '--json'))).toMatchObject({ imported: true });
  });

  it('exports private keys and makes the same keys of them', async () => {
    const { stderr } = await ok('card', 'export', 'lab.key', '--private', '-o', 'lab.pem');
    expect(stderr).toMatch(/warning: no passphrase protects/);
    expect(statSync(path('lab.pem')).mode & 0o777).toBe(0o600);
    await ok('card', 'import', 'lab.pem', '-n', 'lab', '-o', 'again.key', '--plain');
    const { keys } = json(await ok('card', 'show', 'again.key', '--json'));
    expect(keys).toEqual(json(await ok('card', 'show', 'lab.key', '--json')).keys);
  });
});

describe('seal and open', () => {
  it('give back every byte', async () => {
    await ok('open', 'w.srm', '-o', 'whole', ...opening);
    expect((await shell('diff -r w whole', { cwd })).status).toBe(0);
    await ok('open', 'w.srm', '-o', 'some', '--only', '**/*.json', ...opening);
    expect((await shell('find some -type f', { cwd })).stdout.toString()).toBe('some/sub/c.json\n');
  });

  it('report in JSON, and are quiet if asked', async () => {
    const sealed = await ok('seal', 'w', '-o', 'j.srm', '--json', ...sealing);
    expect(json(sealed)).toMatchObject({ output: 'j.srm', files: 3, recipients: 1 });
    expect(sealed.stderr).toBe('');
    const opened = json(await ok('open', 'j.srm', '-o', 'j', '--json', ...opening));
    expect(opened).toMatchObject({ output: 'j', files: 3, author: { name: 'lab' } });
    const quiet = await ok('seal', 'w', '-o', 'q.srm', '-q', ...sealing);
    expect(quiet.stdout.toString() + quiet.stderr).toBe('');
  });

  it('takes recipients from a file, claims, segment sizes and threads', async () => {
    await shell('mkdir -p cards && cp partner.key.card cards/p.card', { cwd });
    writeFileSync(path('cards/list'), '# who\n\np.card\n');
    writeFileSync(path('claims.json'), '{ "model": "tiny", "run": 7 }');
    await ok(
      ...['seal', 'w', '-o', 'c.srm', '--recipients-file', 'cards/list', '--sign', 'lab.key'],
      ...['--claims', 'claims.json', '--segment-size', '4KiB', '--threads', '2'],
    );
    const found = json(await ok('inspect', 'c.srm', '--json'));
    expect(found).toMatchObject({ claims: { model: 'tiny', run: 7 }, sizes: { segment: 4096 } });
    await ok('open', 'c.srm', '-o', 'c', '--threads', '2', ...opening);
  });

  it('pass through pipes in every way', async () => {
    const pipes = [
      'tar c w | "$node" "$strongroom" seal - -o t.srm -r partner.key.card --sign lab.key',
      'cat t.srm | "$node" "$strongroom" open - -o t1 -i partner.key --signer lab.key.card',
      '"$node" "$strongroom" seal w -o - -r partner.key.card --sign lab.key |' +
        ' "$node" "$strongroom" open - -o t2 -i partner.key --signer lab.key.card',
      'tar c w | "$node" "$strongroom" seal - -o - -r partner.key.card --sign lab.key > t3.srm',
      '"$node" "$strongroom" open t3.srm --stdout -i partner.key --signer lab.key.card > t3.tar',
      'mkdir t4 && tar xf t3.tar -C t4',
      'diff -r w t1/w && diff -r w t2 && diff -r w t4/w',
    ];
    for (const pipe of pipes) {
      const { status, stderr } = await shell(pipe, { cwd });
      expect(status, `${pipe}: ${stderr}`).toBe(0);
    }
  });

  it('end quietly when the reader of a pipe goes away', async () => {
    const many = '"$node" "$strongroom" open w.srm --stdout -i partner.key --signer lab.key.card';
    const { status, stderr } = await shell(`${many} | true`, { cwd });
    expect(stderr).toBe('');
    expect(status).toBe(141);
  });
});

describe('looking into an archive', () => {
  it('inspects without a key, and puts names to keys', async () => {
    const plain = text(await ok('inspect', 'w.srm'));
    expect(plain).toMatch(/^recipients {2}key [0-9a-f]{16}…, not verified$/m);
    const named = await ok('inspect', 'w.srm', '--card', 'partner.key.card');
    expect(text(named)).toMatch(/^recipients {2}[0-9A-Z-]{29}, partner, not verified$/m);
    const verified = await ok('inspect', 'w.srm', '--card', 'lab.key.card');
    expect(text(verified)).toMatch(/^recipients {2}key [0-9a-f]{16}…$/m);
    expect(text(verified)).toMatch(/^signed by +[0-9A-Z-]{29}, lab: its signature verifies$/m);
    expect(json(await ok('inspect', 'w.srm', '--json'))).toMatchObject({ suite: 'hybrid' });
  });

  it('hides recipients if asked', async () => {
    await ok('seal', 'w', '-o', 'h.srm', '--hide-recipients', ...sealing);
    expect(text(await ok('inspect', 'h.srm'))).toMatch(/^recipients {2}hidden, not verified$/m);
    await ok('open', 'h.srm', '-o', 'h', ...opening);
  });

  it('verifies with cards, with a policy, and with a key', async () => {
    const policy = { type: 'strongroom/policy', version: 1 };
    const trust = [{ card: 'lab.key.card', roles: ['author', 'custodian'] }];
    writeFileSync(path('policy.json'), JSON.stringify({ ...policy, trust }));
    expect(text(await ok('verify', 'w.srm', '--trust', 'policy.json'))).toMatch(
      /^author +[0-9A-Z-]{29}, lab$/m,
    );
    const report = json(await ok('verify', 'w.srm', '--json', ...opening));
    expect(report).toMatchObject({ author: { name: 'lab' }, keyring: { unlocked: true } });
    const quiet = await ok('verify', 'w.srm', '-q', '--signer', 'lab.key.card');
    expect(quiet.stdout.toString() + quiet.stderr).toBe('');
  });

  it('lists, in short, at length and in JSON', async () => {
    expect(text(await ok('ls', 'w.srm', ...opening))).toBe('a.txt\nb.bin\nsub/\nsub/c.json\n');
    expect(text(await ok('ls', '-l', 'w.srm', ...opening))).toMatch(/^0\d{3} +100000 .* b\.bin$/m);
    const { entries } = json(await ok('ls', '--json', 'w.srm', ...opening));
    expect(entries[0]).toMatchObject({ type: 'file', path: 'a.txt', size: 6 });
  });

  it('writes one file, text or not, to a pipe', async () => {
    expect(text(await ok('cat', 'w.srm', 'a.txt', ...opening))).toBe('hello\n');
    const { stdout } = await ok('cat', 'w.srm', 'b.bin', ...opening);
    expect(stdout.equals(readFileSync(path('w/b.bin')))).toBe(true);
  });

  it('escapes what names could do to a terminal', async () => {
    await shell(`mkdir -p odd && printf x > $'odd/\\xe2\\x80\\xaegnp.exe'`, { cwd });
    await ok('seal', 'odd', '-o', 'odd.srm', ...sealing);
    expect(text(await ok('ls', 'odd.srm', ...opening))).toBe('\\u{202e}gnp.exe\n');
    const listed = await ok('ls', 'odd.srm', '--json', ...opening);
    expect(text(listed)).toContain('\\u202egnp.exe');
    expect(json(listed).entries[0].path).toBe('\u202egnp.exe');
  });
});
