/** The story of docs/provenance.md, every command of it in its order. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scratch, shell } from './helpers.ts';

const cwd = scratch();
const guide = readFileSync('docs/provenance.md', 'utf8');
const [, story = ''] =
  /\n## From the lab to the partner to deployment\n([\s\S]*?)(?=\n## )/.exec(guide) ?? [];
const blocks = [...story.matchAll(/```(\w+)(?: exits (\d))?\n([\s\S]*?)```/g)];

it('works as told', async () => {
  await shell('mkdir weights && echo hello > weights/a && echo "{}" > weights/config.json', {
    cwd,
  });
  const [, , , policy = ''] = blocks.find(([, language]) => language === 'json') ?? [];
  writeFileSync(join(cwd, 'policy.json'), policy);
  let commands = 0;
  let shown = '';
  for (const [, language, exits = '0', lines = ''] of blocks) {
    if (language !== 'sh') continue;
    for (const command of lines.trim().split('\n')) {
      // A test has no terminal to type a passphrase on
      const typed = command
        .replace(/^(strongroom (?:ledger )?keygen)(?!.*--plain)/, '$1 --plain')
        .replace(/^strongroom /, '"$node" "$strongroom" ');
      const { status, stderr, stdout } = await shell(typed, { cwd });
      expect(status, `${command}\n${stderr}`).toBe(Number(exits));
      if (command.startsWith('strongroom custody show')) shown = stdout.toString();
      commands += 1;
    }
  }
  expect(commands).toBeGreaterThan(25);
  const told = shown.split('\n').map((line) => line.slice(22));
  // Recipients are told in the order of their key ids
  expect(told[0]).toMatch(
    /^Example Lab sealed it for (Example Lab, Partner|Partner, Example Lab)$/,
  );
  expect(told.slice(1)).toEqual([
    'Partner opened all of it, by key ring 1',
    'Partner let in Cluster, epoch 2',
    'Cluster opened all of it, by key ring 2',
    '',
  ]);
  // An author's card gives a name as a policy does, and no other's
  const alone = await shell(
    '"$node" "$strongroom" custody show weights.srm --signer lab.key.card',
    { cwd },
  );
  expect(alone.status, alone.stderr).toBe(0);
  expect(alone.stdout.toString()).toMatch(
    /Example Lab sealed it for .*\n.* key [0-9a-f]{16}… opened/,
  );
}, 600_000);
