/** Every command of the custody guide's chapter on the registry, in its order. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scratch, shell, strongroom } from './helpers.ts';

const cwd = scratch();
const guide = 'docs/custody.registry.md';
const [, chapter = ''] =
  /(?:^|\n)## Keys with a life[^\n]*\n([\s\S]*?)(?=\n## |$)/.exec(readFileSync(guide, 'utf8')) ??
  [];
const blocks = [...chapter.matchAll(/```(\w*)\n([\s\S]*?)```/g)];
const commands = blocks
  .filter(([, language]) => language === '')
  .flatMap(([, , lines = '']) => lines.trim().split('\n'));

it('works as told', async () => {
  expect(commands.length).toBeGreaterThan(15);
  const people = { ada: 'Ada', bob: 'Bob', 'bob-2': 'Bob', cluster: 'Cluster' };
  for (const [file, name] of Object.entries(people)) {
    const args = ['keygen', '--name', name, '--plain', '-o', `${file}.key`];
    expect((await strongroom(args, { cwd })).status).toBe(0);
  }
  await shell('mkdir weights && echo hello > weights/a', { cwd });
  const [, , policy = ''] = blocks.find(([, language]) => language === 'json') ?? [];
  writeFileSync(join(cwd, 'policy.json'), policy);
  for (const command of commands) {
    expect(command).toMatch(/^strongroom /);
    // A test has no terminal to type a passphrase on
    const typed = command.replace(/^strongroom (keygen)?/, (_, keygen) =>
      keygen ? '"$node" "$strongroom" keygen --plain' : '"$node" "$strongroom" ',
    );
    const { status, stderr } = await shell(typed, { cwd });
    expect(status, `${command}\n${stderr}`).toBe(0);
  }
  const after = await shell('"$node" "$strongroom" verify weights.srm --trust policy.json', {
    cwd,
  });
  expect(after.status).toBe(3);
  expect(after.stderr).toMatch(/compromised since 2026-01-01/);
});
