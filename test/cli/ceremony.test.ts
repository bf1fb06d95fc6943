import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { plan, writePlan } from '../custody/ceremony/helpers.ts';
import { expectRefusal, scratch, strongroom } from './helpers.ts';

const cwd = scratch();
const run = (...args: string[]) => strongroom(args, { cwd });

it('rehearses from a script, and refuses one for keys that matter', async () => {
  const made = await run('keygen', '-n', 'Uma', '-o', 'uma.key', '--plain');
  expect(made.status, made.stderr).toBe(0);
  writePlan(cwd, { witnesses: [{ name: 'Uma', identity: 'uma.key' }] });
  const [custodians, all] = [
    ['Lea', 'Sam', 'Sue'],
    ['Ada', 'Uma', 'Lea', 'Sam', 'Sue'],
  ];
  const online = existsSync('/proc/net/route');
  const answersWith = (first: string[]) => [
    ...all,
    ...first,
    // Uma's key has no passphrase
    ...all.flatMap((name) => [...(name === 'Uma' ? [] : [`of ${name}`]), '$shown', '$shown']),
    ...custodians.map((name) => `of ${name}`),
    '',
    'of Ada',
  ];
  writeFileSync(join(cwd, 'answers'), answersWith(['yes']).join('\n'));
  expectRefusal(
    await run('ceremony', 'run', 'plan.json', '-o', 'vault', '--answers', 'answers'),
    2,
    /--answers goes with --rehearsal only/,
  );
  const practice = ['ceremony', 'run', 'plan.json', '-o', 'practice', '--rehearsal'];
  let held = await run(...practice, '--answers', 'answers', '--json');
  // Whether it asks to go on depends on the machine's network
  if (held.status !== 0 && online) {
    writeFileSync(join(cwd, 'answers'), answersWith([]).join('\n'));
    held = await run(...practice, '--answers', 'answers', '--json');
  }
  expect(held.status, held.stderr).toBe(0);
  expect(JSON.parse(held.stdout.toString())).toMatchObject({ rehearsal: true, title: plan.title });
  expect(readdirSync(join(cwd, 'practice'))).toEqual(['transcript.json']);
  expect(held.stderr).not.toContain('of Ada\n');

  const verify = ['ceremony', 'verify', 'practice/transcript.json'];
  expectRefusal(await run(...verify, '--signer', 'uma.key.card'), 3, /of a rehearsal only/);
  expectRefusal(await run(...verify, '--rehearsal'), 2, /no trusted author is named/);
  const verified = await run(...verify, '--rehearsal', '--signer', 'uma.key.card', '--steps');
  expect(verified.status, verified.stderr).toBe(0);
  expect(verified.stdout.toString()).toMatch(/witness +[0-9A-Z-]+, Uma, trusted\n/);
  expect(verified.stdout.toString()).toMatch(/the custodians recovered the test key/);
});

it('needs a terminal otherwise, and leaves nothing without one', async () => {
  writePlan(cwd, {}, 'real.json');
  const refused = await run('ceremony', 'run', 'real.json', '-o', 'vault');
  expectRefusal(refused, 2, /a ceremony needs people at a terminal/);
  expect(existsSync(join(cwd, 'vault'))).toBe(false);
});

it('refuses a plan that is wrong, and answers that end too early', async () => {
  writePlan(cwd, { witnesses: [{ name: 'Ada' }] }, 'twice.json');
  writeFileSync(join(cwd, 'few'), 'Ada\n');
  const practice = ['-o', 'no', '--rehearsal', '--answers', 'few'];
  expectRefusal(await run('ceremony', 'run', 'twice.json', ...practice), 2, /Ada is named twice/);
  writePlan(cwd, {}, 'real.json');
  const short = await run('ceremony', 'run', 'real.json', ...practice);
  expect(short.status).toBe(2);
  expect(short.stderr).toMatch(/the answers end before "Wim: type your name/);
  expect(readdirSync(cwd).filter((name) => name.endsWith('.partial'))).toEqual([]);
});
