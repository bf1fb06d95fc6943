/** What an archive is sealed with: the options that `seal` and `plan seal` share. */
import type { Command } from 'commander';
import { StrongroomError } from '../errors.ts';
import { recipientsOf, trustOf } from './access.ts';
import { readClaims } from './claims.ts';
import { collect, segmentSize } from './options.ts';
import type { PassphraseOptions } from './passphrase.ts';

export interface SealingOptions extends PassphraseOptions {
  readonly recipient?: readonly string[];
  readonly recipientsFile?: string;
  readonly quorum?: readonly string[];
  readonly sign: string;
  readonly claims?: string;
  readonly parent?: readonly string[];
  readonly trust?: string;
  readonly followSymlinks?: boolean;
  readonly hideRecipients?: boolean;
  readonly overwrite?: boolean;
  readonly segmentSize?: number;
}

export function sealingOptions(command: Command): Command {
  return command
    .requiredOption('--sign <IDENTITY>', 'whose work it is')
    .option('-r, --recipient <CARD>', 'who can open it; repeatable', collect)
    .option('--recipients-file <FILE>', 'a card path on each line, relative to FILE')
    .option('--quorum <SPEC>', 'who can open it together; repeatable', collect)
    .option('--claims <FILE>', 'statements to sign along, a JSON object')
    .option(
      '--parent <ROOT>',
      'what it was derived from: a content root, or oms:ROOT; repeatable',
      collect,
    )
    .option('--trust <POLICY>', 'hold all keys to be active in its registry')
    .option('--follow-symlinks', 'seal what symbolic links point to')
    .option('--hide-recipients', 'leave out whose keys open it')
    .option('--overwrite', 'replace an object in a store that has the name')
    .option('--segment-size <SIZE>', '4KiB to 16MiB, by default 1MiB', segmentSize);
}

/** Reads what the options name. @throws StrongroomError NO_RECIPIENTS, and of each file. */
export async function readSealing(options: SealingOptions) {
  const { quorum: specs = [], claims, trust } = options;
  const recipients = await recipientsOf(options);
  if (recipients.length + specs.length === 0) {
    throw new StrongroomError('NO_RECIPIENTS', 'nobody could open it');
  }
  const { parseParent, readQuorumSpec } = await import('../index.ts');
  return {
    recipients,
    quorums: await Promise.all(specs.map((path) => readQuorumSpec(path))),
    claims: claims === undefined ? undefined : await readClaims(claims),
    parents: options.parent?.map(parseParent),
    trust: trust === undefined ? undefined : await trustOf({ trust }),
    followSymlinks: options.followSymlinks,
    hideRecipients: options.hideRecipients,
    overwrite: options.overwrite,
    segmentBytes: options.segmentSize,
  };
}
