/** Strongroom itself, through the command as users run it. */
import { join } from 'node:path';
import type { SuiteName } from '#strongroom/crypto/suites.js';
import { measure, run } from '../measure.ts';
import { program, strongroom } from '../paths.ts';
import { always, type Contestant, type Prepared, type Stage, type Team } from './contestant.ts';

/** A way to run the command that is compared with others. */
export interface Variant {
  /** Follows every name, as in `seal threads=2`. */
  readonly label: string;
  readonly node: string;
  readonly options: readonly string[];
}

export const plain: Variant = { label: '', node: process.execPath, options: [] };

interface Keys {
  readonly identity: string;
  readonly card: string;
}

async function createKeys(suite: SuiteName, work: string): Promise<Keys> {
  const identity = join(work, 'bench.key');
  const options = ['--name', 'bench', '--suite', suite, '--plain', '-o', identity];
  await run(process.execPath, strongroom, 'keygen', ...options);
  return { identity, card: `${identity}.card` };
}

type What = 'seal' | 'open' | 'open-shard' | 'verify' | 'open-stdout' | 'cat';

/** One row a command: what it reads, what it makes, what counts. */
function contestantsOf(stage: Stage, keys: Keys, variant: Variant, whats: readonly What[]) {
  const { model, work } = stage;
  const { label, node, options } = variant;
  const named = (what: What) => (label === '' ? what : `${what} ${label}`);
  const archive = join(work, `${named('seal')}.strongroom`);
  const shard = model.shards[0] as string;
  const shardBytes = Math.floor(model.bytes / model.shards.length);
  const access = ['--identity', keys.identity, '--signer', keys.card, '--quiet', ...options];
  const output = (what: What) => join(work, named(what));
  // What it sees of key rings is nothing to remember
  const env = { STRONGROOM_STATE_DIR: join(work, 'state') };
  const command = (...args: string[]) => ({ argv: [node, strongroom, ...args], env }) as const;
  const fromArchive = { needs: named('seal'), reads: [archive] };
  const only = ['--only', shard];
  const sealing = ['-r', keys.card, '--sign', keys.identity, '--quiet', ...options];

  const rows: Record<What, Omit<Contestant, 'name'>> = {
    seal: {
      bytes: model.bytes,
      command: command('seal', model.directory, '-o', archive, ...sealing),
      output: archive,
      reads: [model.directory],
    },
    open: {
      bytes: model.bytes,
      command: command('open', archive, '-o', output('open'), ...access),
      output: output('open'),
      ...fromArchive,
    },
    'open-shard': {
      bytes: shardBytes,
      command: command('open', archive, '-o', output('open-shard'), ...only, ...access),
      output: output('open-shard'),
      ...fromArchive,
    },
    verify: {
      bytes: model.bytes,
      command: command('verify', archive, '--signer', keys.card, '--quiet', ...options),
      ...fromArchive,
    },
    'open-stdout': {
      bytes: model.bytes,
      command: command('open', archive, '--stdout', ...access),
      ...fromArchive,
    },
    cat: {
      bytes: shardBytes,
      // One reader without workers: `cat` knows no --threads.
      command: command('cat', archive, shard, ...access.slice(0, 4)),
      ...fromArchive,
    },
  };
  return whats.map(
    (what): Contestant => ({
      name: named(what),
      ours: true,
      ...rows[what],
    }),
  );
}

const everything: readonly What[] = ['seal', 'open', 'open-shard', 'verify', 'open-stdout', 'cat'];

/** Every command, on one suite. */
export const strongroomTeam = (suite: SuiteName): Team => ({
  name: `strongroom ${suite}`,
  room: 2,
  absent: always,
  async prepare(stage): Promise<Prepared> {
    const keys = await createKeys(suite, stage.work);
    return { contestants: contestantsOf(stage, keys, plain, everything) };
  },
});

/** Seal, open and verify, once for each variant. */
export const variantTeams = (variants: readonly Variant[]): Team[] =>
  variants.map((variant) => ({
    name: variant.label,
    room: 2,
    absent: always,
    async prepare(stage): Promise<Prepared> {
      const keys = await createKeys('hybrid', stage.work);
      return { contestants: contestantsOf(stage, keys, variant, ['seal', 'open', 'verify']) };
    },
  }));

const readCount = 1000;

/** Random reads of 4 KiB, after opening, beside the same reads by bare primitives. */
export const readsTeam: Team = {
  name: 'reads',
  room: 1,
  absent: always,
  async prepare(stage): Promise<Prepared> {
    const keys = await createKeys('hybrid', stage.work);
    const [seal] = contestantsOf(stage, keys, plain, ['seal']) as [Contestant];
    // Made once: it stays the same for every round.
    await measure(seal.command);
    const archive = seal.output as string;
    const contestant = (name: string, how: string): Contestant => ({
      name,
      bytes: 0,
      reads: [archive],
      command: {
        argv: [
          process.execPath,
          program('reads.ts'),
          how,
          archive,
          keys.identity,
          keys.card,
          String(readCount),
        ],
        capture: true,
      },
      figures: ({ sample, stdout }) => ({ ...sample, ...JSON.parse(stdout) }),
    });
    const ours: Contestant = { ...contestant('read 4 KiB', 'strongroom'), ours: true };
    return { contestants: [contestant('raw', 'raw'), ours] };
  },
};

/** What every call costs before the first byte. */
export const startUpTeam = (nodes: readonly Variant[]): Team => ({
  name: 'start-up',
  room: 2,
  absent: always,
  async prepare(stage): Promise<Prepared> {
    const keys = await createKeys('hybrid', stage.work);
    const row = (name: string, node: string, ...args: string[]): Contestant => ({
      name,
      ours: true,
      bytes: 0,
      command: { argv: [node, strongroom, ...args] },
    });
    const bare: Contestant = {
      name: 'node',
      bytes: 0,
      command: { argv: [process.execPath, '-e', '0'] },
    };
    const timeOnly = (contestant: Contestant): Contestant => ({ ...contestant, bytes: 0 });
    return {
      contestants: [
        bare,
        row('--version', process.execPath, '--version'),
        row('--help', process.execPath, '--help'),
        ...nodes.map(({ label, node }) => row(`--help ${label}`, node, '--help')),
        ...contestantsOf(stage, keys, plain, ['seal', 'open', 'verify']).map(timeOnly),
        ...(await grantOf(stage, keys)),
      ],
    };
  },
});

/** Giving one more person access; nothing where the command does not know it. */
async function grantOf({ work }: Stage, author: Keys): Promise<Contestant[]> {
  const commands = await run(process.execPath, strongroom, '--help');
  if (!/^\s+grant\b/m.test(commands)) return [];
  const friend = join(work, 'friend.key');
  await run(process.execPath, strongroom, 'keygen', '--name', 'friend', '--plain', '-o', friend);
  const archive = join(work, 'seal.strongroom');
  const options = ['--identity', author.identity, '--signer', author.card, '--quiet'];
  const argv = [process.execPath, strongroom, 'grant', archive, '-r', `${friend}.card`, ...options];
  return [
    { name: 'grant', ours: true, bytes: 0, needs: 'seal', command: { argv: argv as [string] } },
  ];
}
