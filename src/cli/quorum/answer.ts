import type { Command } from 'commander';
import type { QuestionView } from '../../index.ts';
import { assertFree, assertThere, withAccess } from '../access.ts';
import { report, tell } from '../messages.ts';
import { type AccessOptions, accessOptions, jsonOption } from '../options.ts';
import { confirm, show } from './confirm.ts';
import { inWords } from './words.ts';

interface Options extends AccessOptions {
  readonly archive: string;
  readonly output: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

const answerOptions = (command: Command): Command =>
  jsonOption(accessOptions(command.requiredOption('--archive <FILE>', 'what it is about')))
    .requiredOption('-o, --output <FILE>', 'where to write the answer; never overwrites')
    .option('-y, --yes', 'do not ask: you have read it with "show"');

export function addApprove(quorum: Command): void {
  const command = quorum
    .command('approve')
    .summary('give your share to whoever asks')
    .description(
      'Shows what REQ asks and, once you agree, seals your share to its key and signs that.',
    )
    .argument('<REQ>', 'the request')
    .addHelpText(
      'before',
      `Examples:
  strongroom quorum approve eval.req --archive w.srm -i ada.key \\
    --trust policy.json -o ada.approval
`,
    );
  answerOptions(command).action((path: string, options: Options) =>
    run(path, options, 'approveRequest', 'Do you approve?'),
  );
}

export function addProve(quorum: Command): void {
  const command = quorum
    .command('prove')
    .summary('prove that you can open your share')
    .description('Opens your share, and signs for CHALLENGE that you could. Nothing of it leaves.')
    .argument('<CHALLENGE>', 'the challenge')
    .addHelpText(
      'before',
      `Examples:
  strongroom quorum prove drill.req --archive w.srm -i ada.key \\
    --trust policy.json -o ada.proof
`,
    );
  answerOptions(command).action((path: string, options: Options) =>
    run(path, options, 'proveShare', 'Do you sign the proof?'),
  );
}

async function run(
  path: string,
  options: Options,
  operation: 'approveRequest' | 'proveShare',
  question: string,
): Promise<void> {
  const { archive, output, yes = false } = options;
  for (const file of [path, archive]) assertThere(file);
  assertFree(output, 'file');
  const library = await import('../../index.ts');
  const decide = (view: QuestionView) => {
    const lines = inWords(view);
    if (!yes) return confirm(lines, question);
    if (!options.json) show(lines);
    return true;
  };
  const answer = await withAccess(options, false, (access) =>
    library[operation](path, { ...access, archive, confirm: decide }),
  );
  library.writeNew([{ path: output, bytes: answer.bytes, mode: 0o644 }]);
  const { kind, card, signed } = answer;
  const what =
    kind === 'approval' ? 'your share is in it, for nobody but the requester' : 'no share is in it';
  tell(`wrote ${output}: ${what}`, { hint: `send ${output} to whoever asked` });
  const { group, index, split } = signed;
  const { name, fingerprint } = card;
  if (options.json) {
    report(options, { [kind]: output, custodian: { name, fingerprint }, split, group, index }, []);
  }
}
