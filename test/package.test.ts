/** Must hold: what is published holds just what it should, and every dependency has a reason. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const manifest = JSON.parse(read('package.json'));

const npm = (...words: string[]): string =>
  execFileSync('npm', words, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: ['ignore', 'pipe', 'ignore'],
  });

const filesBelow = (folder: string): string[] =>
  readdirSync(new URL(`../${folder}`, import.meta.url), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.length))
    .sort();

describe('npm pack', () => {
  const output = JSON.parse(npm('pack', '--dry-run', '--json', '--ignore-scripts'));
  // Newer npm has an object by name, older npm an array
  const [packed] = Object.values(output) as { files: { path: string }[] }[];
  const paths = (packed?.files ?? []).map(({ path }) => path);
  const inDist = (path: string) => path.startsWith('dist/');

  it('holds documentation, licence and the command, and nothing else beside the build', () => {
    const expected = [
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'bin/strongroom.js',
      'package.json',
      ...filesBelow('docs'),
    ];
    expect(paths.filter((path) => !inDist(path)).sort()).toEqual(expected.sort());
  });

  it('holds of the build what was made of the source, and the command in few files', () => {
    const sources = filesBelow('src').map((path) => path.slice('src/'.length, -'.ts'.length));
    const made = sources.flatMap((path) =>
      ['js', 'js.map', 'd.ts'].map((kind) => `dist/${path}.${kind}`),
    );
    const isCommand = (path: string) => path.startsWith('dist/command/');
    const built = paths.filter(inDist);
    expect(built.filter((path) => !isCommand(path)).sort()).toEqual(made.sort());
    const command = built.filter(isCommand).map((path) => path.slice('dist/command/'.length));
    expect(command).toEqual(expect.arrayContaining(['strongroom.js', 'worker.js', 'LICENSE.zod']));
    expect(command.filter((name) => !/^[a-z0-9-]+\.js$|^LICENSE\.zod$/.test(name))).toEqual([]);
  });
});

describe('the types of the library', () => {
  it('need nothing that is not installed with it', () => {
    const foreign = new Set<string>();
    const seen = new Set<string>();
    const visit = (path: string) => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const [, from = ''] of read(path).matchAll(/(?:from|import\()\s*'([^']+)'/g)) {
        if (from.startsWith('.')) visit(posix.join(posix.dirname(path), toTypes(from)));
        else foreign.add(from);
      }
    };
    visit('dist/index.d.ts');
    const there = Object.keys(manifest.dependencies);
    const isThere = (from: string) =>
      from.startsWith('node:') || there.some((name) => `${from}/`.startsWith(`${name}/`));
    expect(seen.size).toBeGreaterThan(50);
    expect([...foreign].filter((from) => !isThere(from))).toEqual([]);
  });

  const toTypes = (from: string) => from.replace(/\.(?:js|ts)$/, '.d.ts');
});

describe('docs/dependencies.md', () => {
  const rowsUnder = (heading: string): string[] => {
    const section = read('docs/dependencies.md').split(`\n## ${heading}\n`)[1]?.split('\n## ')[0];
    return [...(section ?? '').matchAll(/^\| `([^`]+)` \| \S.*\|$/gm)].map(
      ([, name]) => name ?? '',
    );
  };

  it.each([
    ['What users install', Object.keys(manifest.dependencies)],
    ['What users may add', Object.keys(manifest.peerDependencies)],
    ['What building and testing needs', Object.keys(manifest.devDependencies)],
  ])('%s: lists each dependency, with a reason', (heading, names) => {
    expect(rowsUnder(heading)).toEqual(names.sort());
  });
});

describe('the bill of materials', () => {
  const made = () =>
    execFileSync(`${root}node_modules/.bin/node`, [`${root}tools/sbom.ts`], { encoding: 'utf8' });

  it('has every dependency that is installed, and no tool of ours', () => {
    const names = JSON.parse(made()).components.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)));
    expect(names).not.toContain('vitest');
    expect(names).not.toContain('typescript');
  });

  it('is the same every time', () => {
    expect(made()).toBe(made());
  });
});
