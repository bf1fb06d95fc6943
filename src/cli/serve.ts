import { lstatSync, unlinkSync } from 'node:fs';
import type { Command } from 'commander';
import { asStrongroomError } from '../errors.ts';
import type { Gateway, ServeOptions } from '../index.ts';
import { assertThere, withAccess } from './access.ts';
import { plural } from './format.ts';
import { print, report, tell, warn } from './messages.ts';
import {
  type AccessOptions,
  accessOptions,
  integer,
  jsonOption,
  runOptions,
  size,
} from './options.ts';
import { untilSignal } from './signals.ts';

export interface GatewayOptions {
  readonly listen?: string;
  readonly expose?: boolean;
  readonly cache?: number;
  readonly maxConnections?: number;
  readonly threads?: number;
}

interface Options extends AccessOptions, GatewayOptions {
  readonly writeEnv?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** What `serve` and `run --serve` take. */
export const gatewayOptions = (command: Command): Command =>
  command
    .option('--listen <ADDRESS>', 'HOST:PORT or unix:PATH; by default any port of 127.0.0.1')
    .option('--expose', 'let other machines in: plaintext passes over the network')
    .option('--cache <SIZE>', 'plaintext kept in memory, by default 256MiB', size('--cache'))
    .option(
      '--max-connections <N>',
      'connections at once, by default 256',
      integer('--max-connections', 1, 65535),
    );

/** Refuses early what is not there; of `NAME=ARCHIVE` the library looks for the archive. */
export function assertServed(archives: readonly string[]): void {
  for (const archive of archives) if (!archive.includes('=')) assertThere(archive);
}

/** As the library takes them. */
export const gatewaySettings = (
  options: GatewayOptions,
): Omit<ServeOptions, 'identity' | 'trust'> => ({
  listen: options.listen,
  exposed: options.expose,
  cacheBytes: options.cache,
  maxConnections: options.maxConnections,
  threads: options.threads,
  onFailure(error, path) {
    const { code, message } = asStrongroomError(error);
    warn(`${path}: broken off: ${message} (${code})`);
  },
});

export function addServe(program: Command): void {
  const command = program
    .command('serve')
    .summary('serve archives to loaders on this machine')
    .description(
      'Serves the files of each ARCHIVE, verified as they are read, over HTTP and a part of the ' +
        'S3 API. The environment that clients need goes to standard output. Ends on SIGTERM or ' +
        'SIGINT, with status 0.',
    )
    .argument('<ARCHIVE...>', 'what to serve, or NAME=ARCHIVE')
    .addHelpText(
      'before',
      `Examples:
  strongroom serve w.srm -i node.key --signer lab.key.card --write-env gw.env
  strongroom serve llm=w.srm --listen 127.0.0.1:9000 -i me.key --trust p.json
  strongroom serve w.srm --listen unix:/run/gw.sock -i me.key --trust p.json
  curl -H "Authorization: Bearer $STRONGROOM_TOKEN" \\
    "$STRONGROOM_URL/archive-w/config.json"
`,
    )
    .option('--write-env <FILE>', 'write the environment there, with mode 0600, once it serves');
  jsonOption(runOptions(accessOptions(gatewayOptions(command)))).action(run);
}

async function run(archives: readonly string[], options: Options): Promise<void> {
  assertServed(archives);
  const { serve } = await import('../index.ts');
  const gateway = await withAccess(options, false, (access) =>
    serve(archives, { ...access, ...gatewaySettings(options) }),
  );
  try {
    const lines = Object.entries(gateway.environment).map(([name, value]) => `${name}=${value}`);
    if (options.writeEnv !== undefined) await writeEnvironment(options.writeEnv, lines);
    const { url, socket, archives: served, environment } = gateway;
    const secret = options.writeEnv === undefined ? { environment } : {};
    if (options.json) report(options, { url, socket, archives: served, ...secret }, []);
    else if (options.writeEnv === undefined) print(lines);
    announce(gateway, options);
    await untilSignal();
  } finally {
    if (options.writeEnv !== undefined) removeEnvironment(options.writeEnv);
    await gateway.close();
  }
}

/** Whole or not at all, in place of what a gateway that was killed has left. */
async function writeEnvironment(path: string, lines: readonly string[]): Promise<void> {
  const { writeNew } = await import('../index.ts');
  removeEnvironment(path);
  writeNew([{ path, bytes: Buffer.from(`${lines.join('\n')}\n`), mode: 0o600 }]);
}

function removeEnvironment(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile()) unlinkSync(path);
}

function announce({ archives, url, socket }: Gateway, options: Options): void {
  for (const { name, files, author } of archives) {
    const where = socket === undefined ? `${url}/${name}/` : `/${name}/ on ${socket}`;
    const by = `sealed by ${author.name} (${author.fingerprint})`;
    tell(`serving ${plural(files, 'file')} at ${where}, ${by}`, options);
  }
}
