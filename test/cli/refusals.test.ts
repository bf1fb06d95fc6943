/** Every mistake gets its own words, its exit status, and leaves nothing behind. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  bin,
  expectRefusal,
  leftovers,
  opening,
  scratch,
  sealing,
  shell,
  strongroom,
  world,
} from './helpers.ts';
import { typing } from './terminal.ts';

const cwd = scratch();
const run = (...args: string[]) => strongroom(args, { cwd });
const path = (name: string) => join(cwd, name);
const secret = 'correct horse battery';
const fromPass = ['--passphrase-file', 'pass'];

beforeAll(async () => {
  await world(cwd);
  writeFileSync(path('pass'), `${secret}\n`);
  writeFileSync(path('wrong'), `not ${secret}\n`);
  const made = await run('keygen', '-n', 'safe', '-o', 'safe.key', '--passphrase-file', 'pass');
  expect(made.status, made.stderr).toBe(0);
  const both = ['-r', 'partner.key.card', '-r', 'safe.key.card'];
  const sealed = await run('seal', 'w', '-o', 'w.srm', ...both, '--sign', 'lab.key');
  expect(sealed.status, sealed.stderr).toBe(0);
  const archive = readFileSync(path('w.srm'));
  const altered = (name: string, at: number, bits: number) => {
    const copy = Buffer.from(archive);
    copy[at] = (copy[at] ?? 0) ^ bits;
    writeFileSync(path(name), copy);
  };
  altered('newer.srm', 9, 0b11);
  // Behind the key-ring slots: within the first segment of the payload
  altered('flipped.srm', 4096 + 2 * archive.readUInt32BE(48) + 1000, 1);
  writeFileSync(path('short.srm'), archive.subarray(0, -1));
  writeFileSync(path('text.srm'), 'not an archive, whatever its name says\n'.repeat(200));
});

afterEach(() => expect(leftovers(cwd)).toEqual([]));

it('repeats no line of a wrong file as recipients', async () => {
  writeFileSync(path('oops'), `# mine\n${secret}\n`);
  const outcome = await run('grant', 'w.srm', '--recipients-file', 'oops', ...opening);
  expectRefusal(outcome, 1, /oops: line 2 does not lead to a card/);
  expect(outcome.stderr).not.toContain('horse');
});

it('refuses a glob of nothing as a mistake in usage', async () => {
  const outcome = await run('open', 'w.srm', '-o', 'no', '--only', '', ...opening);
  expectRefusal(outcome, 2, /a glob has 1 to/);
});

const refusals: [name: string, args: string[], status: number, words: RegExp][] = [
  [
    'a wrong key',
    ['open', 'w.srm', '-o', 'no', '-i', 'stranger.key', '--signer', 'lab.key.card'],
    4,
    /not sealed to this identity/,
  ],
  [
    'another author',
    ['open', 'w.srm', '-o', 'no', '-i', 'partner.key', '--signer', 'stranger.key.card'],
    3,
    /^error: w\.srm: was sealed by key [0-9a-f]{16}…, not by stranger, whom you trust\nhint: .*strongroom inspect --card/,
  ],
  [
    'nobody trusted, when opening',
    ['open', 'w.srm', '-o', 'no', '-i', 'safe.key'],
    2,
    /no trusted author .*\nhint: .*--signer CARD/,
  ],
  ['nobody trusted, when verifying', ['verify', 'w.srm'], 2, /no trusted author/],
  [
    'trust and signer together',
    ['verify', 'w.srm', '--trust', 'p', '--signer', 'lab.key.card'],
    2,
    /do not go together/,
  ],
  ['not an archive', ['open', 'text.srm', '-o', 'no', ...opening], 3, /^error: text\.srm: not a/],
  ['a newer version', ['inspect', 'newer.srm'], 3, /version 2.*\nhint: update Strongroom/],
  ['a flipped bit', ['open', 'flipped.srm', '-o', 'no', ...opening], 3, /segment 0/],
  [
    'a flipped bit, when verifying',
    ['verify', 'flipped.srm', '--signer', 'lab.key.card'],
    3,
    /segment 0/,
  ],
  [
    'a truncated archive',
    ['verify', 'short.srm', '--signer', 'lab.key.card'],
    3,
    /^error: short\.srm/,
  ],
  ['an archive that exists', ['seal', 'w', '-o', 'w.srm', ...sealing], 2, /w\.srm: exists already/],
  [
    'a directory that is not empty',
    ['open', 'w.srm', '-o', 'w', ...opening],
    2,
    /not an empty directory/,
  ],
  [
    'an identity that exists',
    ['keygen', '-n', 'x', '--plain', '-o', 'lab.key'],
    2,
    /lab\.key: exists already/,
  ],
  [
    'another suite',
    ['seal', 'w', '-o', 'no', '-r', 'navy.key.card', '--sign', 'lab.key'],
    1,
    /of suite cnsa2, not hybrid/,
  ],
  [
    'no recipients',
    ['seal', 'w', '-o', 'no', '--sign', 'safe.key'],
    2,
    /nobody could open it\nhint: .*-r CARD/,
  ],
  [
    'an identity as a recipient',
    ['seal', 'w', '-o', 'no', '-r', 'partner.key', '--sign', 'lab.key'],
    1,
    /an identity, not a card/,
  ],
  [
    'a card as an identity',
    ['seal', 'w', '-o', 'no', '-r', 'partner.key.card', '--sign', 'lab.key.card'],
    1,
    /a card, not an identity/,
  ],
  ['the input as the output', ['seal', 'w/a.txt', '-o', 'w/a.txt', ...sealing], 2, /same file/],
  [
    'an output inside the source',
    ['seal', 'w', '-o', 'w/in.srm', ...sealing],
    2,
    /lies in what is sealed/,
  ],
  [
    'a missing source',
    ['seal', 'nothing', '-o', 'no', ...sealing],
    1,
    /nothing: no such file.*\nhint: check/,
  ],
  ['a missing archive', ['open', 'nothing', '-o', 'no', ...opening], 1, /nothing: no such file/],
  ['a missing card', ['verify', 'w.srm', '--signer', 'nothing'], 1, /nothing: no such file/],
  ['a directory as a card', ['verify', 'w.srm', '--signer', 'w'], 1, /w: it is a directory/],
  [
    'a missing directory of an archive',
    ['seal', 'w', '-o', 'none/x', ...sealing],
    1,
    /none: no such directory\nhint: make it first/,
  ],
  [
    'a missing directory of an output',
    ['open', 'w.srm', '-o', 'none/x', ...opening],
    1,
    /none: no such directory\nhint: make it first/,
  ],
  ['a missing entry', ['cat', 'w.srm', 'zzz', ...opening], 1, /zzz is not in it/],
  [
    'a glob that matches nothing',
    ['open', 'w.srm', '-o', 'no', '--only', 'zzz', ...opening],
    1,
    /matches zzz/,
  ],
  [
    'a wrong fingerprint',
    ['card', 'check', 'lab.key.card', '--fingerprint', '00000-'.repeat(5).slice(0, -1)],
    3,
    /another one/,
  ],
  [
    'what is no fingerprint',
    ['card', 'check', 'lab.key.card', '--fingerprint', 'hello'],
    2,
    /not a fingerprint/,
  ],
  ['PEM without keys', ['card', 'import', 'w/a.txt', '-n', 'x', '-o', 'no'], 1, /PEM/],
  [
    'private keys of a card',
    ['card', 'export', 'lab.key.card', '--private', '-o', 'no'],
    1,
    /a card, not an identity/,
  ],
  [
    'a passphrase where there is no terminal',
    ['keygen', '-n', 'x', '-o', 'no'],
    2,
    /no terminal to ask on\nhint: .*--passphrase-file/,
  ],
  [
    'no passphrase for a protected identity',
    ['open', 'w.srm', '-o', 'no', '-i', 'safe.key', '--signer', 'lab.key.card'],
    2,
    /a passphrase is needed/,
  ],
  [
    'plain and a passphrase',
    ['keygen', '-n', 'x', '--plain', '--passphrase-file', 'pass', '-o', 'no'],
    2,
    /do not go together/,
  ],
  [
    '31 February',
    ['keygen', '-n', 'x', '--plain', '-o', 'no', '--expires', '2099-02-31'],
    2,
    /not a time/,
  ],
  [
    'a past date',
    ['keygen', '-n', 'x', '--plain', '-o', 'no', '--expires', '2001-01-01'],
    2,
    /before it is made/,
  ],
  [
    'an unknown suite',
    ['keygen', '-n', 'x', '--plain', '-o', 'no', '--suite', 'rsa'],
    2,
    /rsa is unknown/,
  ],
  [
    'a segment size of no unit',
    ['seal', 'w', '-o', 'no', ...sealing, '--segment-size', '1MB'],
    2,
    /not a size/,
  ],
  [
    'a segment size that is not allowed',
    ['seal', 'w', '-o', 'no', ...sealing, '--segment-size', '5000'],
    2,
    /power of two/,
  ],
  [
    'claims that are not JSON',
    ['seal', 'w', '-o', 'no', ...sealing, '--claims', 'w/a.txt'],
    2,
    /a\.txt: not JSON/,
  ],
  [
    'no threads',
    ['seal', 'w', '-o', 'no', ...sealing, '--threads', '0'],
    2,
    /--threads: 0 is not allowed/,
  ],
  ['two outputs', ['open', 'w.srm', '-o', 'no', '--stdout', ...opening], 2, /do not go together/],
  ['no output', ['open', 'w.srm', ...opening], 2, /no output is named/],
  [
    'a tar from a pipe to a pipe',
    ['open', '-', '--stdout', ...opening],
    2,
    /verified before it is released/,
  ],
  [
    'an unknown option',
    ['inspect', 'w.srm', '--frob'],
    2,
    /unknown option '--frob'\nhint: see "strongroom inspect --help"/,
  ],
  ['an unknown command', ['sael'], 2, /unknown command 'sael'\nhint: did you mean seal\?/],
  ['a missing argument', ['card', 'show'], 2, /missing required argument 'FILE'/],
  ['a missing option', ['seal', 'w', '--sign', 'lab.key'], 2, /required option '-o/],
  ['an option without its value', ['inspect', 'w.srm', '--card'], 2, /argument missing/],
  ['too many arguments', ['inspect', 'w.srm', 'w.srm'], 2, /too many arguments/],
];

describe('refuses', () => {
  it.each(refusals)('%s', async (_, args, status, words) => {
    expectRefusal(await run(...args), status, words);
    expect(existsSync(path('no')) || existsSync(path('no.card'))).toBe(false);
  });

  it('a wrong passphrase, and tells neither', async () => {
    const args = ['-i', 'safe.key', '--signer', 'lab.key.card', '--passphrase-file'];
    const outcome = await run('open', 'w.srm', '-o', 'no', ...args, 'wrong');
    expectRefusal(outcome, 4, /safe\.key: the passphrase does not open the identity/);
    expect(outcome.stderr).not.toContain('horse');
    expect((await run('open', 'w.srm', '-o', 'safe', ...args, 'pass')).status).toBe(0);
    const fd = '"$node" "$strongroom" ls w.srm -i safe.key --signer lab.key.card --passphrase-fd 3';
    expect((await shell(`${fd} 3< pass`, { cwd })).status).toBe(0);
    const none = fd.replace(/3$/, '99');
    expectRefusal(await shell(none, { cwd }), 1, /file descriptor 99: it is not open/);
  });

  it('nothing, if only the card of a new identity exists', async () => {
    writeFileSync(path('half.key.card'), '');
    expectRefusal(
      await run('keygen', '-n', 'x', '--plain', '-o', 'half.key'),
      2,
      /half\.key\.card/,
    );
    expect(existsSync(path('half.key'))).toBe(false);
  });

  it('an archive from a pipe that is altered, without leaving anything', async () => {
    const input = readFileSync(path('flipped.srm'));
    const outcome = await strongroom(['open', '-', '-o', 'no', ...opening], { cwd, input });
    expectRefusal(outcome, 3, /^error: .*segment 0/);
    expect(existsSync(path('no'))).toBe(false);
  });

  it('a directory where a pipe should be', async () => {
    const named = /^error: standard input: it is a directory\nhint: name a file/;
    for (const args of [
      ['seal', '-', '-o', 'no', ...sealing],
      ['open', '-', '-o', 'no', ...opening],
    ]) {
      const outcome = await shell(`"$node" "$strongroom" ${args.join(' ')} < w`, { cwd });
      expectRefusal(outcome, 1, named);
    }
  });

  it('a pipe that holds nothing, as when what should fill it failed', async () => {
    const outcome = await strongroom(['seal', '-', '-o', 'no', ...sealing], { cwd, input: '' });
    expectRefusal(outcome, 3, /standard input: empty.*\nhint: see whether the command before/);
    expect(existsSync(path('no'))).toBe(false);
  });

  it('with JSON on standard error if asked', async () => {
    const { status, stdout, stderr } = await run('verify', 'w.srm', '--json');
    expect({ status, stdout: stdout.length }).toEqual({ status: 2, stdout: 0 });
    expect(JSON.parse(stderr)).toEqual({
      error: { code: 'NO_TRUST', message: expect.any(String), hint: expect.any(String) },
    });
    const usage = await run('verify', '--json');
    expect(JSON.parse(usage.stderr).error.code).toBe('USAGE');
    const mixed = await run('seal', 'w', '-o', '-', ...sealing, '--json');
    expect(JSON.parse(mixed.stderr).error.message).toMatch(/mix its report into the data/);
  });

  it('without a stack, unless it is asked for', async () => {
    const quiet = await run('inspect', 'text.srm');
    expect(quiet.stderr).not.toMatch(/\n +at /);
    const env = { STRONGROOM_DEBUG: '1' };
    const { stderr } = await strongroom(['inspect', 'text.srm'], { cwd, env });
    expect(stderr).toMatch(/\n {6}at /);
  });

  it('to be silent about a plain key that others can read', async () => {
    await shell('cp partner.key loose.key && chmod 644 loose.key', { cwd });
    const { status, stderr } = await run(
      'ls',
      'w.srm',
      '-i',
      'loose.key',
      '--signer',
      'lab.key.card',
    );
    expect(status).toBe(0);
    expect(stderr).toMatch(/^warning: loose\.key: others can read .*\nhint: chmod 600 loose\.key/);
  });

  it('a file or a directory without permission', async () => {
    await shell('cp partner.key closed.key && mkdir -p closed', { cwd });
    chmodSync(path('closed.key'), 0);
    chmodSync(path('closed'), 0o500);
    const opened = ['ls', 'w.srm', '-i', 'closed.key', '--signer', 'lab.key.card'];
    const read = await held(...opened);
    expectRefusal(read, 1, /closed\.key: permission denied\nhint: ask .* for access/);
    const written = await held('seal', 'w', '-o', 'closed/w.srm', ...sealing);
    expectRefusal(written, 1, /closed\/w\.srm: permission denied\nhint: ask .* for access/);
    expect(leftovers(path('closed'))).toEqual([]);
  });
});

/** As `run`, held to the modes of files: root is without the capabilities to pass over them. */
const held = (...args: string[]) => {
  if (process.getuid?.() !== 0) return run(...args);
  const command = ['setpriv', '--bounding-set=-dac_override,-dac_read_search', process.execPath];
  return shell([...command, bin, ...args].join(' '), { cwd });
};

const has = (program: string): boolean => {
  try {
    execFileSync('bash', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

describe.skipIf(!has('script'))('on a terminal (skipped without script, which makes one)', () => {
  /** What a terminal of 80 columns would show. */
  const onTerminal = async (args: string) => {
    const inner = `${process.execPath} ${bin} ${args}; echo "status $?"`;
    const { stdout } = await shell(`script -qec '${inner}' /dev/null < /dev/null`, { cwd });
    return stdout.toString();
  };

  it('shows text and refuses what is binary', async () => {
    const access = '-i partner.key --signer lab.key.card';
    expect(await onTerminal(`cat w.srm a.txt ${access}`)).toMatch(/hello\r?\nstatus 0/);
    const binary = await onTerminal(`cat w.srm b.bin ${access}`);
    expect(binary).toMatch(/looks binary[\s\S]*redirect it[\s\S]*status 2/);
    expect(await onTerminal(`open w.srm --stdout ${access}`)).toMatch(
      /a tar is binary[\s\S]*status 2/,
    );
    const sealed = await onTerminal('seal w -o - -r partner.key.card --sign lab.key');
    expect(sealed).toMatch(/an archive is binary[\s\S]*status 2/);
    const keys = await onTerminal('card export lab.key --private');
    expect(keys).toMatch(/not for the screen[\s\S]*status 2/);
    expect(keys).not.toContain('PRIVATE KEY');
  });

  it('asks for a new passphrase until it comes twice the same', async () => {
    const { status, screen } = await typing('keygen -n ada -o typed.key', cwd, [
      [/New passphrase for typed\.key/, secret],
      [/The same passphrase again/, 'another'],
      // What was typed before is gone, though nobody sees it
      [/it differs from the first one/, secret],
    ]);
    expect(status, screen).toBe(0);
    expect(screen).not.toContain('horse');
    const opened = await run(
      'card',
      'export',
      'typed.key',
      '--private',
      '-o',
      'typed.pem',
      ...fromPass,
    );
    expect(opened.status, opened.stderr).toBe(0);
  });

  it('is in colour, unless NO_COLOR is set', async () => {
    expect(await onTerminal('verify w.srm')).toContain('\u001b[31merror:');
    const env = { NO_COLOR: '1' };
    const inner = `${process.execPath} ${bin} verify w.srm`;
    const plain = await shell(`script -qec '${inner}' /dev/null < /dev/null`, { cwd, env });
    expect(plain.stdout.toString()).toMatch(/(^|\n)error: /);
  });
});
