import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import type { Freshness, KeyHolder, Trust } from '../index.ts';
import { assertThere, withAccess } from './access.ts';
import { bytes, plural } from './format.ts';
import { tell } from './messages.ts';
import { type AccessOptions, accessOptions, collect, runOptions } from './options.ts';
import { operate } from './progress.ts';
import { assertServed, type GatewayOptions, gatewayOptions, gatewaySettings } from './serve.ts';
import { passSignals, type SignalName, wasInterrupted } from './signals.ts';
import { tellStorage } from './storage.ts';

interface Options extends AccessOptions, GatewayOptions {
  readonly env: string;
  readonly dir?: string;
  readonly only?: readonly string[];
  readonly serve?: boolean;
  readonly threads?: number;
  readonly quiet?: boolean;
}

type HeldAccess = Freshness & { identity: KeyHolder; trust: Trust; keyring?: string | undefined };

export function addRun(program: Command): void {
  const command = program
    .command('run')
    .summary('run a program with the model opened in memory')
    .description(
      'Opens ARCHIVE into a private directory in memory, runs COMMAND with its path in ' +
        'STRONGROOM_MODEL, and removes it when COMMAND has ended. The exit status is that of ' +
        'COMMAND, and signals reach it.',
    )
    .argument('<ARCHIVE>', 'what to open')
    .argument('<COMMAND...>', 'what to run, after "--"')
    .addHelpText(
      'before',
      `Examples:
  strongroom run weights.srm -i node.key --signer lab.key.card -- python load.py
  strongroom run w.srm -i me.key --trust p.json --env MODEL_DIR -- ./infer
  strongroom run w.srm --serve -i me.key --trust p.json -- \\
    sh -c 'vllm serve s3://$STRONGROOM_BUCKET --load-format runai_streamer'
`,
    )
    .addHelpText(
      'after',
      `
The directory has mode 0700 and lies below XDG_RUNTIME_DIR or /dev/shm. If this
command itself is killed (SIGKILL), it stays until the next "run" sweeps it off.
With --serve nothing is written at all: COMMAND reads from a gateway, whose
address and credentials are in its environment (see "strongroom serve --help").`,
    )
    .option('--env <NAME>', 'the variable that holds the path', 'STRONGROOM_MODEL')
    .option('--dir <DIR>', 'where to make the directory instead')
    .option('--only <GLOB>', 'open only what matches; repeatable', collect)
    .option('--serve', 'serve the archive to COMMAND instead of opening it');
  runOptions(accessOptions(gatewayOptions(command))).action(run);
}

async function run(archive: string, words: readonly string[], options: Options): Promise<void> {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(options.env)) {
    throw new StrongroomError('USAGE', `--env: ${options.env} is no name of a variable`);
  }
  const child = createChild(words);
  passSignals(child.signal);
  process.exitCode = await (options.serve ? runServed : runOpened)(archive, options, child);
}

type Child = ReturnType<typeof createChild>;

async function runOpened(archive: string, options: Options, child: Child): Promise<number> {
  assertThere(archive);
  const { open } = await import('../index.ts');
  const { createPrivateDirectory } = await import('../operations/private-directory.ts');
  const { directory, model } = await withAccess(options, false, async (access: HeldAccess) => {
    const needed = await bytesNeeded(archive, access);
    const directory = createPrivateDirectory(needed, options.dir);
    try {
      const model = join(directory.path, 'model');
      const opened = await operate('opening', options, (settings) =>
        open(archive, { ...settings, ...access, output: model, only: options.only }),
      );
      tell(`opened ${plural(opened.files, 'file')}, ${bytes(opened.bytes)}`, options);
      tellStorage(opened, options);
      return { directory, model };
    } catch (error) {
      directory.remove();
      throw error;
    }
  });
  try {
    if (wasInterrupted()) throw new StrongroomError('INTERRUPTED', 'interrupted');
    return await child.run({ [options.env]: model });
  } finally {
    directory.remove();
  }
}

/** Of all files, and some room for the file system's own. */
async function bytesNeeded(archive: string, access: HeldAccess): Promise<number> {
  const { list } = await import('../index.ts');
  const entries = await list(archive, access);
  return entries.reduce((sum, entry) => sum + 4096 + (entry.type === 'file' ? entry.size : 0), 0);
}

async function runServed(archive: string, options: Options, child: Child): Promise<number> {
  assertServed([archive]);
  const { serve } = await import('../index.ts');
  const gateway = await withAccess(options, false, (access) =>
    serve([archive], { ...access, ...gatewaySettings(options) }),
  );
  try {
    const [served] = gateway.archives;
    const model = {
      [options.env]: `${gateway.url}/${served?.name}`,
      STRONGROOM_BUCKET: served?.name,
    };
    // What comes with the keys of a store is for the store, and not for who reads from here
    return await child.run({ AWS_SESSION_TOKEN: undefined, ...gateway.environment, ...model });
  } finally {
    await gateway.close(0);
  }
}

/** A program that is started once, and is given signals from then on. */
function createChild([program = '', ...words]: readonly string[]) {
  let running: ReturnType<typeof spawn> | undefined;
  // A terminal sends Ctrl-C to the program as well: twice would mean "at once" to many
  const fromTerminal = process.stdin.isTTY === true;
  return {
    signal(name: SignalName) {
      if (name === 'SIGINT' && fromTerminal) return;
      running?.kill(name);
    },
    /** @returns its exit status, as a shell would have it. */
    run(environment: Readonly<Record<string, string | undefined>>): Promise<number> {
      return new Promise((resolve, reject) => {
        const env = { ...process.env, ...environment };
        running = spawn(program, words, { stdio: 'inherit', env });
        running.on('error', (error) => reject(asStrongroomError(error, program)));
        running.on('exit', (status, signal) =>
          resolve(status ?? 128 + constants.signals[signal ?? 'SIGKILL']),
        );
      });
    },
  };
}
