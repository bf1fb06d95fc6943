/**
 * Tries another platform's Node: `npm run test:platform -- PROGRAM ARGUMENTS…`, which start it, such
 * as an emulator and a Node for another processor. What is sealed there is opened here and
 * the other way round, in both suites, and an altered byte is refused; then come our own vectors.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { noise } from '../support/archive.ts';

const there = process.argv.slice(2);
const here = [process.execPath];
const bin = resolve('bin/strongroom.js');
const scratch = mkdtempSync(join(tmpdir(), 'strongroom-platform-'));
const weights = noise(5_000_000, 1);

type Node = readonly string[];

function start([program, ...rest]: Node, ...args: string[]): string {
  const all = [...rest, ...args];
  return execFileSync(program as string, all, {
    cwd: scratch,
    encoding: 'utf8',
    stdio: 'pipe',
  }).trim();
}
const strongroom = (node: Node, ...args: string[]) => start(node, bin, ...args);

/** An identity and an archive, made by one and read by the other. */
function roundTrip(maker: Node, reader: Node, suite: string, name: string): void {
  const [key, card, archive] = [`${name}.key`, `${name}.key.card`, `${name}.srm`];
  const opening = ['-i', key, '--signer', card];
  strongroom(maker, 'keygen', '--name', name, '--plain', '--suite', suite, '-o', key);
  strongroom(maker, 'seal', 'model', '-o', archive, '-r', card, '--sign', key, '--threads', '2');
  strongroom(reader, 'verify', archive, '--signer', card);
  strongroom(reader, 'open', archive, '-o', name, '--threads', '2', ...opening);
  if (!readFileSync(join(scratch, name, 'weights')).equals(weights)) {
    throw new Error(`${name}: other bytes came out`);
  }
}

/** An archive with one other byte half-way is refused there, and nothing of it is left. */
function refusal(suite: string): void {
  const [from, altered] = [join(scratch, `${suite}-there.srm`), join(scratch, 'altered.srm')];
  cpSync(from, altered);
  const bytes = readFileSync(altered);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(altered, bytes);
  const [program, ...rest] = there;
  const args = ['verify', altered, '--signer', join(scratch, `${suite}-there.key.card`)];
  const { status, stderr } = spawnSync(program as string, [...rest, bin, ...args]);
  const said = `${stderr}`;
  if (status !== 3 || !/^error: /m.test(said)) throw new Error(`not refused: ${status} ${said}`);
}

try {
  const where = 'process.platform + " " + process.arch + ", Node " + process.version';
  console.log(start(there, '-p', where));
  mkdirSync(join(scratch, 'model'));
  writeFileSync(join(scratch, 'model/weights'), weights);
  for (const suite of ['hybrid', 'cnsa2']) {
    roundTrip(there, here, suite, `${suite}-there`);
    roundTrip(here, there, suite, `${suite}-here`);
    refusal(suite);
    console.log(`${suite}: sealed there and opened here, sealed here and opened there`);
  }
  console.log(start(there, resolve('test/platforms/vectors.ts')));
} finally {
  rmSync(scratch, { recursive: true });
}
