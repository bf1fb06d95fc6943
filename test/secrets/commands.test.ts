/**
 * Must hold: no command that is given a secret tells it. Every one of them runs once, and its
 * arguments, environment, output and all files but those that are for secrets are looked through.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { createProgram } from '#strongroom/cli/program.js';
import { decodeRequestKey } from '#strongroom/custody/quorum/request-key.js';
import { decodeLedgerKey } from '#strongroom/provenance/ledger/keyfile.js';
import { bin, scratch } from '../cli/helpers.ts';
import { plan } from '../custody/ceremony/helpers.ts';
import { serveStore } from '../support/store.ts';
import { askPassphrase, identityAt, keysAt, passphrase, seedsAt } from './known.ts';
import { type Held, held, type Secret, secretsIn } from './memory.ts';

const cwd = scratch();
const path = (name: string) => join(cwd, name);
await serveStore();

interface Leaf {
  readonly name: string;
  readonly options: readonly string[];
}

const leavesOf = (command: Command, name: readonly string[] = []): Leaf[] =>
  command.commands.length === 0
    ? [{ name: name.join(' '), options: command.options.flatMap(({ long }) => long ?? []) }]
    : command.commands.flatMap((each) => leavesOf(each, [...name, each.name()]));

/** Options that hand a secret over, or what a secret stands behind. */
const handing = /^--((.*-)?passphrase-file|identity|sign|(request-|ledger-)?key|answers)$/;
const leaves = leavesOf(createProgram('0') as unknown as Command);
const secretive = leaves.filter(({ options }) => options.some((each) => handing.test(each)));

interface Step {
  readonly args: string;
  /** Done before it. */
  readonly before?: () => void;
  /** Done while it runs. */
  readonly during?: (pid: number) => Promise<void>;
}

const step = (args: string, more: Omit<Step, 'args'> = {}): Step => ({ args, ...more });
const pass = '--passphrase-file pass';
const mine = `-i a.key --signer a.key.card ${pass}`;
const log = `--ledger log --ledger-key log.key --ledger-passphrase-file pass`;
const quorum = '--request q.req --request-key q.req.key --approvals b.approval c.approval';
const planned = '--ranges 2 --worker b.key.card';
const working = `-i b.key --signer a.key.card ${pass}`;

/** Once the gateway listens, it is told to end. */
const untilServed = async (pid: number) => {
  for (let tries = 0; tries < 1000; tries++) {
    if (readdirSync(cwd).includes('env') && readFileSync(path('env')).length > 0) break;
    await sleep(20);
  }
  process.kill(pid, 'SIGTERM');
};

/** In an order in which each finds what it needs. */
const steps: readonly Step[] = [
  ...['a', 'b', 'c'].map((name) => step(`keygen --name ${name} -o ${name}.key ${pass}`)),
  step(`card export a.key --private -o a.pem ${pass}`),
  step(`card import a.pem --name again -o again.key ${pass}`),
  step(`ledger keygen --name lab.example/log -o log.key ${pass}`),
  step(`ledger keygen --name auditor.example/w1 --witness -o witness.key ${pass}`),
  step(`ledger init log --key log.key ${pass}`),
  step(`ledger append log a.key.card --key log.key ${pass}`),
  step(`ledger witness log --memory seen --policy policy --key witness.key ${pass}`, {
    before: () => {
      const known = ['log', 'witness'].map((name) => readFileSync(path(`${name}.key.policy`)));
      writeFileSync(path('policy'), `${known.join('')}quorum none\n`);
    },
  }),
  step(`keys init --name Keys --sign a.key ${pass}`),
  step(`keys add b.key.card --sign a.key ${pass}`),
  step(`keys state b suspended --reason lost --sign a.key ${pass}`),
  step(`keys state b active --reason found --sign a.key ${pass}`),
  step(`keys rotate b c.key.card --reason new --sign a.key ${pass}`),
  step(`oms sign model --sign a.key ${pass}`),
  step('oms verify model --signer a.key.card'),
  step(
    `seal model -o m.srm -r a.key.card -r b.key.card --sign a.key --oms --custody ${log} ${pass}`,
  ),
  step(`oms export m.srm --sign a.key -o m.intoto ${mine}`),
  step(`open m.srm -o opened --resume ${mine}`),
  step(`verify m.srm ${mine}`),
  step(`ls m.srm ${mine}`),
  step(`cat m.srm config.json ${mine}`),
  step(`serve model=m.srm --write-env env ${mine}`, { during: untilServed }),
  step(`run m.srm ${mine} -- true`),
  step(`recipients m.srm ${mine}`),
  step(`grant m.srm -r c.key.card ${log} ${mine}`),
  step(`revoke m.srm -r c.key.card ${mine}`),
  step(`custody record m.srm --sign a.key --signer a.key.card ${log} ${pass}`),
  step(`custody verify m.srm ${mine}`),
  step(`rekey m.srm -o n.srm --resume -r a.key.card ${mine}`),
  step(`seal model -o q.srm --resume -r a.key.card --quorum board.json --sign a.key ${pass}`),
  step(
    `quorum request q.srm -o q.req --purpose p --expires 2h --sign a.key ${pass} --key-passphrase-file pass`,
  ),
  ...['b', 'c'].map((name) =>
    step(
      `quorum approve q.req --archive q.srm -i ${name}.key --signer a.key.card -o ${name}.approval --yes ${pass}`,
    ),
  ),
  step(
    'quorum combine q.req b.approval c.approval --archive q.srm --request-key q.req.key --signer a.key.card --key-passphrase-file pass',
  ),
  step(`open q.srm -o by-quorum --signer a.key.card ${quorum} --key-passphrase-file pass`),
  step(`quorum challenge q.srm -o drill.req --purpose p --expires 2h --sign a.key ${pass}`),
  step(
    `quorum prove drill.req --archive q.srm -i b.key --signer a.key.card -o b.proof --yes ${pass}`,
  ),
  step(`quorum reshare q.srm --quorum board.json --reason new ${mine}`),
  step(
    `plan seal big -o s3://models/m.srm -r a.key.card --sign a.key -p seal.plan ${planned} ${pass}`,
  ),
  step(`work -p seal.plan --index 0 ${working}`),
  step(`work -p seal.plan --index 1 ${working}`),
  step(`plan finish -p seal.plan -i a.key ${pass}`),
  step(`plan open s3://models/m.srm -o planned -p open.plan ${planned} ${mine}`),
  step(`work -p open.plan --index 0 ${working}`),
  step(`plan verify s3://models/m.srm -p verify.plan ${planned} ${mine}`),
  step(`plan cancel -p verify.plan -i a.key ${pass}`),
  step('ceremony run plan.json -o practice --rehearsal --answers answers'),
];

const named = ({ args }: Step): Leaf =>
  leaves.find(({ name }) => args.startsWith(`${name} `)) as Leaf;

it('are all there', () => {
  const run = new Set(steps.map((each) => named(each).name));
  expect(secretive.map(({ name }) => name).filter((name) => !run.has(name))).toEqual([]);
});

const board = {
  type: 'strongroom/quorum',
  version: 1,
  groups: [{ name: 'board', threshold: 2, cards: ['b.key.card', 'c.key.card'] }],
};
const people = ['Ada', 'Wim', 'Lea', 'Sam', 'Sue'];
const spoken = (name: string) => `what ${name} alone can know`;

/** @param goesOn whether it asks if a machine with a network will do. */
const answers = (goesOn: boolean) =>
  [
    ...people,
    ...(goesOn ? ['yes'] : []),
    ...people.flatMap((name) => [spoken(name), '$shown', '$shown']),
    ...['Lea', 'Sam', 'Sue'].map(spoken),
    '',
    ...['Ada', 'Wim'].map(spoken),
  ].join('\n');

async function secretsThere(): Promise<Secret[]> {
  const holder = await identityAt(path('a.key'));
  const found: Secret[] = [
    { name: 'the passphrase', bytes: Buffer.from(passphrase) },
    ...people.map((name) => ({ name: `what ${name} types`, bytes: Buffer.from(spoken(name)) })),
  ];
  for (const name of ['a', 'b', 'c', 'again']) found.push(...(await seedsAt(path(`${name}.key`))));
  for (const name of ['m', 'n', 'q']) found.push(...(await keysAt(path(`${name}.srm`), holder)));
  for (const name of ['log.key', 'witness.key']) {
    const { seeds } = await decodeLedgerKey(readFileSync(path(name)), askPassphrase);
    found.push(...seeds.map((bytes, i) => ({ name: `seed ${i} of ${name}`, bytes })));
  }
  const { seed } = await decodeRequestKey(readFileSync(path('q.req.key')), askPassphrase);
  found.push({ name: 'the key of a request', bytes: seed });
  return found;
}

/** Files that are there to hold a secret as it is. */
const forSecrets = ['pass', 'answers', 'a.pem'];

it.runIf(process.platform === 'linux')('tell nothing', async () => {
  mkdirSync(path('model'));
  mkdirSync(path('big'));
  mkdirSync(path('tmp'));
  writeFileSync(path('big/weights'), Buffer.alloc(12_000_000, 'weights '));
  writeFileSync(path('model/config.json'), '{}');
  writeFileSync(path('model/weights'), Buffer.alloc(200_000, 'weights '));
  writeFileSync(path('pass'), `${passphrase}\n`);
  writeFileSync(path('board.json'), JSON.stringify(board));
  writeFileSync(path('plan.json'), JSON.stringify(plan));
  writeFileSync(path('answers'), answers(true));
  const seen: [string, Buffer][] = [];
  const run = async (each: Step): Promise<Held> => {
    const { name, options } = named(each);
    const words = name.split(' ').length;
    const json = options.includes('--json') ? ['--json'] : [];
    const args = [bin, ...each.args.split(' ').toSpliced(words, 0, ...json)];
    const ended = await held(args, {
      cwd,
      env: { TMPDIR: path('tmp') },
      ...(each.during && { during: each.during }),
      atEnd: (pid) => {
        for (const file of ['cmdline', 'environ']) {
          seen.push([`${file} of ${each.args}`, readFileSync(`/proc/${pid}/${file}`)]);
        }
      },
    });
    seen.push([`output of ${each.args}`, ended.stdout]);
    seen.push([`messages of ${each.args}`, Buffer.from(ended.stderr)]);
    return ended;
  };
  for (const each of steps) {
    each.before?.();
    let { status, stderr } = await run(each);
    if (status !== 0 && each.args.startsWith('ceremony')) {
      // Whether it asks to go on depends on the machine's network
      writeFileSync(path('answers'), answers(false));
      ({ status, stderr } = await run(each));
    }
    expect(status, `${each.args}: ${stderr}`).toBe(0);
  }
  for (const entry of readdirSync(cwd, { withFileTypes: true, recursive: true })) {
    const at = join(entry.parentPath, entry.name);
    if (entry.isFile() && !forSecrets.includes(entry.name)) seen.push([at, readFileSync(at)]);
  }
  const secrets = await secretsThere();
  expect(secretsIn(readFileSync(path('a.pem')), secrets)).not.toEqual([]);
  expect(secretsIn(readFileSync(path('pass')), secrets)).not.toEqual([]);
  const told = seen.flatMap(([where, bytes]) =>
    secretsIn(bytes, secrets).map((what) => `${what} in the ${where}`),
  );
  expect(told).toEqual([]);
});
