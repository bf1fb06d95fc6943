/** Every command of the guide to model signing, in its order. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scratch, shell, strongroom } from './helpers.ts';

const cwd = scratch();
const guide = readFileSync('docs/provenance.oms.md', 'utf8');
const blocks = [...guide.matchAll(/```(\w*)\n([\s\S]*?)```/g)];
const commands = blocks
  .filter(([, language]) => language === '')
  .flatMap(([, , lines = '']) => lines.trim().split('\n'));

it('works as told', async () => {
  expect(commands.length).toBeGreaterThan(8);
  for (const name of ['lab', 'partner']) {
    const args = ['keygen', '--name', name, '--plain', '-o', `${name}.key`];
    expect((await strongroom(args, { cwd })).status).toBe(0);
  }
  await shell('mkdir weights && echo hello > weights/a', { cwd });
  const [, , claims = ''] = blocks.find(([, language]) => language === 'json') ?? [];
  writeFileSync(join(cwd, 'claims.json'), claims);
  const shown: string[] = [];
  for (const command of commands) {
    expect(command).toMatch(/^(strongroom|openssl) /);
    const typed = command.replace(/^strongroom /, '"$node" "$strongroom" ');
    const { status, stdout, stderr } = await shell(typed, { cwd });
    expect(status, `${command}\n${stderr}`).toBe(0);
    shown.push(stdout.toString());
  }
  expect(shown.join('')).toMatch(/^licence +Apache-2\.0$/m);
  expect(shown.at(-2)).not.toContain('classical');
  expect(shown.at(-1)).toMatch(/classical\n.*quantum-safe/);
});
