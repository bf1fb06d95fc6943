/** Every command of the guide to logs, in its order, and what is refused. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectRefusal, scratch, shell, strongroom } from './helpers.ts';

const cwd = scratch();
const guide = readFileSync('docs/ledger.md', 'utf8');
const [, chapter = ''] = /\n## A log, from[^\n]*\n([\s\S]*?)\n## /.exec(guide) ?? [];
const commands = [...chapter.matchAll(/```\n([\s\S]*?)```/g)].flatMap(([, lines = '']) =>
  lines.trim().split('\n'),
);
const run = (...args: string[]) => strongroom(['ledger', ...args], { cwd });
const path = (name: string) => join(cwd, name);

beforeAll(async () => {
  expect(commands.length).toBeGreaterThan(15);
  for (const command of commands) {
    const typed = command.replace(/^strongroom /, '"$node" "$strongroom" ');
    const { status, stderr } = await shell(typed, { cwd });
    expect(status, `${command}\n${stderr}`).toBe(0);
  }
});

describe('the guide', () => {
  it('keeps keys to their owners, and shares policies', () => {
    expect(statSync(path('log.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(path('log.key.policy'), 'utf8')).toMatch(
      /^# log lab\.example\/log\+\S{50,60}\nlog lab\.example\/log\+\S{1700,}\n$/,
    );
    expect(readFileSync(path('w1.key.policy'), 'utf8')).toMatch(
      /^witness auditor\.example\/w1 \S+\n$/,
    );
  });

  it('leaves a log that reports in JSON', async () => {
    const audit = await run('audit', 'log', 'w.custody.jsonl', '--policy', 'policy', '--json');
    expect(JSON.parse(audit.stdout.toString())).toMatchObject({
      origin: 'lab.example/log',
      size: 4,
      signatures: [
        { role: 'log', algorithm: 'ML-DSA-44 cosignature', isQuantumSafe: true },
        { role: 'witness', name: 'auditor.example/w1' },
      ],
      custody: [{ name: 'w.custody.jsonl', indexes: [1, 2, 3], missing: [], disordered: [] }],
      others: 1,
    });
    const args = ['granted.tlog-proof', 'w.custody.jsonl', '--line', '2', '--policy', 'policy'];
    const proof = await run('verify', ...args, '--json');
    expect(JSON.parse(proof.stdout.toString())).toMatchObject({ index: 2, size: 4 });
  });
});

describe.each([
  '',
  ...['keygen', 'init', 'append', 'prove', 'verify', 'witness', 'cosign', 'audit'],
])('help of ledger %s', (command) => {
  it('leads with examples', async () => {
    const { stdout } = await run(...(command === '' ? [] : [command]), '--help');
    const help = stdout.toString();
    expect(help).toMatch(new RegExp(`^Examples:\n {2}strongroom ledger ${command}`));
    for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe('refused:', () => {
  const policy = ['--policy', 'policy'];

  it('a proof of another document', async () => {
    const outcome = await run('verify', 'granted.tlog-proof', 'release.json', ...policy);
    expectRefusal(outcome, 3, /not of this entry/);
  });

  it('a proof under a policy with another witness', async () => {
    await run('keygen', '--name', 'w2', '--witness', '--plain', '-o', 'w2.key');
    await shell('cat log.key.policy w2.key.policy > other && echo quorum w2 >> other', { cwd });
    const outcome = await run(
      ...['verify', 'granted.tlog-proof', 'w.custody.jsonl', '--line', '2', '--policy', 'other'],
    );
    expectRefusal(outcome, 3, /not enough witnesses with a signature \(none\)/);
  });

  it('classical signatures alone, where quantum-safe ones are required', async () => {
    const [comment = ''] = readFileSync(path('log.key.policy'), 'utf8').split('\n');
    writeFileSync(path('classical'), `${comment.slice(2)}\nquorum none\n`);
    const args = ['verify', 'granted.tlog-proof', 'w.custody.jsonl', '--line', '2'];
    const accepted = await run(...args, '--policy', 'classical');
    expect(accepted.stdout.toString()).toMatch(/log lab\.example\/log: Ed25519, classical only\n/);
    const outcome = await run(...args, '--policy', 'classical', '--require-pq');
    expectRefusal(outcome, 3, /no quantum-safe signature of the log/);
  });

  it('a document that is not in the log', async () => {
    expectRefusal(await run('prove', 'log', 'policy'), 1, /no such entry among its 4/);
    const index = ['--index', '4', '-o', 'x'];
    expectRefusal(await run('prove', 'log', ...index), 1, /no entry 4, only 4/);
    expectRefusal(await run('prove', 'log'), 2, /name either a document or an --index/);
    expectRefusal(await run('prove', 'log', '--index', '1'), 2, /has no file name/);
    const line = await run('prove', 'log', 'w.custody.jsonl', '--line', '9');
    expectRefusal(line, 2, /it has no line 9, only 3/);
  });

  it('a custody file with lines that are not in the log', async () => {
    writeFileSync(path('more.jsonl'), 'granted\nunheard of\nsealed\n');
    const { status, stdout, stderr } = await run('audit', 'log', 'more.jsonl', ...policy);
    expect(status).toBe(3);
    expect(stdout.toString()).toMatch(
      /more\.jsonl: 2 of 3 lines logged\nmore\.jsonl: line 2 is missing\nmore\.jsonl: line 3 was/,
    );
    expect(stderr).toMatch(/error: more\.jsonl: not in the log as it should be\nhint: /);
  });

  it('a key inside the log', async () => {
    await shell('cp log.key log/log.key', { cwd });
    const outcome = await run('append', 'log', 'release.json', '--key', 'log/log.key');
    expectRefusal(outcome, 2, /a key must not lie in the log/);
    await shell('rm log/log.key && cp log.key inner.key', { cwd });
  });

  it('the key of a witness, or what is no key', async () => {
    const witness = await run('append', 'log', 'release.json', '--key', 'w1.key');
    expectRefusal(witness, 3, /its checkpoint is not of auditor\.example\/w1/);
    const none = await run('append', 'log', 'release.json', '--key', 'policy');
    expectRefusal(none, 1, /ledger key: /);
  });

  it('a name that no note may have', async () => {
    const outcome = await run('keygen', '--name', 'two words', '--plain', '-o', 'no.key');
    expectRefusal(outcome, 1, /neither spaces nor a plus sign/);
  });
});

it('keys are opened by their passphrase alone', async () => {
  writeFileSync(path('secret'), 'correct horse\n');
  writeFileSync(path('wrong'), 'battery staple\n');
  const made = await run(
    ...['keygen', '--name', 'lab.example/two', '-o', 'two.key', '--passphrase-file', 'secret'],
  );
  expect(made.status, made.stderr).toBe(0);
  const wrong = await run('init', 'two', '--key', 'two.key', '--passphrase-file', 'wrong');
  expectRefusal(wrong, 4, /passphrase does not open/);
  expectRefusal(await run('init', 'two', '--key', 'two.key'), 2, /a passphrase is needed/);
  const right = await run('init', 'two', '--key', 'two.key', '--passphrase-file', 'secret');
  expect(right.status, right.stderr).toBe(0);
});
