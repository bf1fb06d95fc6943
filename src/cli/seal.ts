import type { Command } from 'commander';
import { StrongroomError } from '../errors.ts';
import type { Claims } from '../index.ts';
import {
  assertFree,
  assertNoTerminal,
  assertOneOutput,
  assertThere,
  pathsIn,
  readCards,
  trustOf,
  unlockIdentity,
} from './access.ts';
import { bytes, plural } from './format.ts';
import { report, tell } from './messages.ts';
import { collect, jsonOption, passphraseOptions, runOptions, segmentSize } from './options.ts';
import type { PassphraseOptions } from './passphrase.ts';
import { operate } from './progress.ts';

interface Options extends PassphraseOptions {
  readonly output: string;
  readonly recipient?: readonly string[];
  readonly recipientsFile?: string;
  readonly quorum?: readonly string[];
  readonly sign: string;
  readonly claims?: string;
  readonly trust?: string;
  readonly followSymlinks?: boolean;
  readonly hideRecipients?: boolean;
  readonly overwrite?: boolean;
  readonly segmentSize?: number;
  readonly threads?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addSeal(program: Command): void {
  const command = program
    .command('seal')
    .summary('encrypt and sign a directory, a file or a tar')
    .description(
      'Seals PATH, a directory, a file or a tar ("-": a tar from standard input), for its recipients.',
    )
    .argument('<PATH>', 'what to seal')
    .addHelpText(
      'before',
      `Examples:
  strongroom seal weights -o weights.srm -r partner.key.card --sign lab.key
  strongroom seal weights -o weights.srm -r a.card -r b.card --sign lab.key
  tar c weights | strongroom seal - -o weights.srm -r a.card --sign lab.key
  strongroom seal weights -o s3://models/weights.srm -r a.card --sign lab.key
  strongroom seal weights -o - -r a.card --sign lab.key | ssh host 'cat > w.srm'
`,
    )
    .requiredOption('-o, --output <FILE>', 'the archive to be; "-": standard output')
    .requiredOption('--sign <IDENTITY>', 'whose work it is')
    .option('-r, --recipient <CARD>', 'who can open it; repeatable', collect)
    .option('--recipients-file <FILE>', 'a card path on each line, relative to FILE')
    .option('--quorum <SPEC>', 'who can open it together; repeatable', collect)
    .option('--claims <FILE>', 'statements to sign along, a JSON object')
    .option('--trust <POLICY>', 'hold all keys to be active in its registry')
    .option('--follow-symlinks', 'seal what symbolic links point to')
    .option('--hide-recipients', 'leave out whose keys open it')
    .option('--overwrite', 'replace an object in a store that has the name')
    .option('--segment-size <SIZE>', '4KiB to 16MiB, by default 1MiB', segmentSize);
  jsonOption(runOptions(passphraseOptions(command))).action(run);
}

async function run(source: string, options: Options): Promise<void> {
  const { output, recipientsFile } = options;
  const paths = [
    ...(options.recipient ?? []),
    ...(recipientsFile === undefined ? [] : await pathsIn(recipientsFile)),
  ];
  const specs = options.quorum ?? [];
  if (paths.length + specs.length === 0) {
    throw new StrongroomError('NO_RECIPIENTS', 'nobody could open it');
  }
  if (output === '-') {
    assertNoTerminal('an archive is binary');
    assertOneOutput(options);
  }
  assertThere(source);
  const recipients = await readCards(paths);
  const claims = options.claims === undefined ? undefined : await readClaims(options.claims);
  const trust = options.trust === undefined ? undefined : await trustOf({ trust: options.trust });
  const { readQuorumSpec, seal } = await import('../index.ts');
  const quorums = await Promise.all(specs.map((path) => readQuorumSpec(path)));
  if (output !== '-' && output !== source) assertFree(output, 'file');
  const signer = await unlockIdentity(options.sign, options, source === '-');
  try {
    const sealed = await operate('sealing', options, (run) =>
      seal(source, {
        ...run,
        output,
        recipients,
        quorums,
        signer,
        claims,
        trust,
        followSymlinks: options.followSymlinks,
        hideRecipients: options.hideRecipients,
        segmentBytes: options.segmentSize,
        overwrite: options.overwrite,
        onNotice: (message) => tell(message, options),
      }),
    );
    const what = `${plural(sealed.files, 'file')}, ${bytes(sealed.archiveBytes)}`;
    const who = [
      ...(sealed.recipients > 0 ? [plural(sealed.recipients, 'recipient')] : []),
      ...(sealed.quorums > 0 ? [plural(sealed.quorums, 'quorum')] : []),
    ].join(' and ');
    const where = output === '-' ? '' : ` into ${output}`;
    tell(`sealed ${what}${where}, for ${who}`, options);
    if (options.json) report(options, sealed, []);
  } finally {
    signer.wipe();
  }
}

/** Of the file; what of it the seal can hold, `seal` decides. */
const maxClaimsFileBytes = 2 ** 20;

async function readClaims(path: string): Promise<Claims> {
  const { readSmallFile } = await import('../index.ts');
  const bytes = await readSmallFile(path, maxClaimsFileBytes);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new StrongroomError('USAGE', `${path}: not JSON`, { file: path, cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Claims;
  throw new StrongroomError('USAGE', `${path}: claims are a JSON object`, { file: path });
}
