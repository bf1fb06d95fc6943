import type { Command } from 'commander';
import { assertThere, freshnessOf, trustOf } from '../access.ts';
import { report } from '../messages.ts';
import {
  archiveOptions,
  type FreshnessOptions,
  freshnessOptions,
  jsonOption,
  type TrustOptions,
  trustOptions,
} from '../options.ts';
import { inWords } from './words.ts';

interface Options extends TrustOptions, FreshnessOptions {
  readonly keyring?: string;
  readonly json?: boolean;
}

export function addShow(quorum: Command): void {
  const command = quorum
    .command('show')
    .summary('show what a request or a challenge asks')
    .description('Shows in words what is asked, held against ARCHIVE. No key is needed.')
    .argument('<FILE>', 'a request or a challenge')
    .argument('<ARCHIVE>', 'what it is about')
    .addHelpText(
      'before',
      `Examples:
  strongroom quorum show eval.req w.srm --trust policy.json
`,
    );
  jsonOption(freshnessOptions(archiveOptions(trustOptions(command)))).action(run);
}

async function run(path: string, archive: string, options: Options): Promise<void> {
  const trust = await trustOf(options);
  for (const file of [path, archive]) assertThere(file);
  const { showQuestion } = await import('../../index.ts');
  const freshness = await freshnessOf(options);
  const view = await showQuestion(path, { archive, trust, keyring: options.keyring, ...freshness });
  report(options, view, inWords(view));
}
