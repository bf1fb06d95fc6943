/** The ceremony of docs/custody.md, command by command, by people at a terminal. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { leftovers, scratch, shell, strongroom } from './helpers.ts';
import { onTerminal, type Prompt } from './terminal.ts';

const guide =
  ['docs/custody.ceremony.md', 'docs/custody.md'].find((path) => existsSync(path)) ?? '';
const story =
  /## Make the keys together\n[\s\S]*?(?=\n## |$)/.exec(readFileSync(guide, 'utf8'))?.[0] ?? '';
const blocks = (language: string): string[] =>
  [...story.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, body = '']) => body,
  );
const commands = blocks('sh').flatMap((block) => block.trim().split('\n'));
const cwd = scratch();

/** Everyone at the table, who listen and remember. */
function answerTo({ who, what, screen }: Prompt): string {
  if (what.startsWith('type your name')) return who;
  if (what.startsWith('go on all the same')) return 'yes';
  const [, first, second, whose = ''] = /groups (\d) and (\d) of (.+) fingerprint/.exec(what) ?? [];
  if (first !== undefined) {
    const owner = whose === 'your' ? who : whose.replace(/'s$/, '');
    const [, read = ''] = new RegExp(`\n${owner}, read your.*: ([0-9A-Z-]{29})`).exec(screen) ?? [];
    const groups = read.split('-');
    return `${groups[Number(first) - 1]} ${groups[Number(second) - 1]}`;
  }
  return /passphrase|key that you bring/.test(what) ? `of ${who}` : '';
}

it('is told in commands that work', async () => {
  expect(commands.map((command) => command.split(' ', 3).slice(1).join(' '))).toEqual([
    'ceremony run',
    'ceremony run',
    'ceremony verify',
    'ceremony verify',
    'ceremony verify',
    'seal weights',
  ]);
  writeFileSync(join(cwd, 'plan.json'), blocks('json')[0] ?? '');
  writeFileSync(join(cwd, 'uma.pass'), 'of Uma\n');
  const keygen = (...args: string[]) => strongroom(['keygen', ...args], { cwd });
  const made = [
    await keygen('-n', 'Uma', '-o', 'uma.key', '--passphrase-file', 'uma.pass'),
    await keygen('-n', 'lab', '-o', 'lab.key', '--plain'),
    await shell('mkdir weights && echo w > weights/w', { cwd }),
  ];
  expect(made.map(({ status }) => status)).toEqual([0, 0, 0]);
  for (const command of commands) {
    const words = command.replace(/^strongroom /, '');
    if (words.startsWith('ceremony run')) {
      const { status, screen } = await onTerminal(words, cwd, answerTo);
      expect(status, screen).toBe(0);
      expect(screen).not.toMatch(/of (Ada|Sam)\n/);
    } else {
      const { status, stderr } = await strongroom(words.split(' '), { cwd });
      expect(status, stderr).toBe(0);
    }
    expect(leftovers(cwd)).toEqual([]);
  }
  expect(readdirSync(join(cwd, 'practice'))).toEqual(['transcript.json']);
  expect(readdirSync(join(cwd, 'vault'))).toHaveLength(2 * 7 + 2);
}, 600_000);
