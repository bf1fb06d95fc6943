import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import type { Answer, QuestionKind, QuestionView } from '../../index.ts';
import { assertFree, assertThere, freshnessOf, trustOf, unlockIdentity } from '../access.ts';
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
  answerOptions(command).action((path: string, options: Options) => run(path, options, 'request'));
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
    run(path, options, 'challenge'),
  );
}

async function run(path: string, options: Options, kind: QuestionKind): Promise<void> {
  const { archive, output, keyring, yes = false } = options;
  for (const file of [path, archive]) assertThere(file);
  assertFree(output, 'file');
  const library = await import('../../index.ts');
  const trust = await trustOf(options);
  const asked = { archive, trust, keyring, ...(await freshnessOf(options)) };
  const custodian = await library.readCard(options.identity, { ofIdentity: true });
  const view = await library.showQuestion(path, { ...asked, kind, custodian });
  await decide(path, view, yes, options.json);
  // Unlocked only now, and for what was shown
  const isSame = ({ question }: QuestionView) => {
    if (question === view.question) return true;
    const message = `${path}: is another ${kind} than the one that was shown`;
    throw new StrongroomError('REQUEST_MISMATCH', message, { file: path });
  };
  const identity = await unlockIdentity(options.identity, options);
  try {
    const answering = kind === 'request' ? library.approveRequest : library.proveShare;
    const answer = await answering(path, { ...asked, identity, confirm: isSame });
    library.writeNew([{ path: output, bytes: answer.bytes, mode: 0o644 }]);
    told(answer, options);
  } finally {
    identity.wipe();
  }
}

const questions: Readonly<Record<QuestionKind, string>> = {
  request: 'Do you approve?',
  challenge: 'Do you sign the proof?',
};

/** @throws StrongroomError `APPROVAL_DECLINED`. */
async function decide(path: string, view: QuestionView, yes: boolean, json = false) {
  const lines = inWords(view);
  if (yes && !json) show(lines);
  if (yes || (await confirm(lines, questions[view.kind]))) return;
  throw new StrongroomError('APPROVAL_DECLINED', `${path}: declined`, { file: path });
}

function told({ kind, card, signed }: Answer, options: Options): void {
  const { output } = options;
  const what =
    kind === 'approval' ? 'your share is in it, for nobody but the requester' : 'no share is in it';
  tell(`wrote ${output}: ${what}`, { hint: `send ${output} to whoever asked` });
  const { group, index, split } = signed;
  const { name, fingerprint } = card;
  if (options.json) {
    report(options, { [kind]: output, custodian: { name, fingerprint }, split, group, index }, []);
  }
}
