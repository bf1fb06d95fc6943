import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import type { Answer, QuestionView } from '../../index.ts';
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

/** The two answers: whatever else they do is the same. */
const answers = {
  approve: {
    summary: 'give your share to whoever asks',
    description:
      'Shows what REQ asks and, once you agree, seals your share to its key and signs that.',
    argument: ['<REQ>', 'the request'],
    example: `strongroom quorum approve eval.req --archive w.srm -i ada.key \\
    --trust policy.json -o ada.approval`,
    kind: 'request',
    operation: 'approveRequest',
    question: 'Do you approve?',
    told: 'your share is in it, for nobody but the requester',
  },
  prove: {
    summary: 'prove that you can open your share',
    description: 'Opens your share, and signs for CHALLENGE that you could. Nothing of it leaves.',
    argument: ['<CHALLENGE>', 'the challenge'],
    example: `strongroom quorum prove drill.req --archive w.srm -i ada.key \\
    --trust policy.json -o ada.proof`,
    kind: 'challenge',
    operation: 'proveShare',
    question: 'Do you sign the proof?',
    told: 'no share is in it',
  },
} as const;

type AnswerName = keyof typeof answers;

const addAnswer = (name: AnswerName) => (quorum: Command) => {
  const { summary, description, argument, example } = answers[name];
  const [placeholder, meaning] = argument;
  const command = quorum
    .command(name)
    .summary(summary)
    .description(description)
    .argument(placeholder, meaning)
    .addHelpText('before', `Examples:\n  ${example}\n`);
  jsonOption(accessOptions(command.requiredOption('--archive <FILE>', 'what it is about')))
    .requiredOption('-o, --output <FILE>', 'where to write the answer; never overwrites')
    .option('-y, --yes', 'do not ask: you have read it with "show"')
    .action((path: string, options: Options) => run(path, options, name));
};

export const addApprove = addAnswer('approve');
export const addProve = addAnswer('prove');

async function run(path: string, options: Options, name: AnswerName): Promise<void> {
  const { kind: asks, operation, told } = answers[name];
  const { archive, output, keyring } = options;
  for (const file of [path, archive]) assertThere(file);
  assertFree(output, 'file');
  const library = await import('../../index.ts');
  const trust = await trustOf(options);
  const asked = { archive, trust, keyring, ...(await freshnessOf(options)) };
  const custodian = await library.readCard(options.identity, { ofIdentity: true });
  const view = await library.showQuestion(path, { ...asked, kind: asks, custodian });
  await decide(path, view, name, options);
  // Unlocked only now, and for what was shown
  const isSame = ({ question }: QuestionView) => {
    if (question === view.question) return true;
    const message = `${path}: is another ${asks} than the one that was shown`;
    throw new StrongroomError('REQUEST_MISMATCH', message, { file: path });
  };
  const identity = await unlockIdentity(options.identity, options);
  try {
    const answer = await library[operation](path, { ...asked, identity, confirm: isSame });
    library.writeNew([{ path: output, bytes: answer.bytes, mode: 0o644 }]);
    tell(`wrote ${output}: ${told}`, { hint: `send ${output} to whoever asked` });
    reportOn(answer, options);
  } finally {
    identity.wipe();
  }
}

/** @throws StrongroomError `APPROVAL_DECLINED`. */
async function decide(path: string, view: QuestionView, name: AnswerName, options: Options) {
  const { yes = false, json = false } = options;
  const lines = inWords(view);
  if (yes && !json) show(lines);
  if (yes || (await confirm(lines, answers[name].question))) return;
  throw new StrongroomError('APPROVAL_DECLINED', `${path}: declined`, { file: path });
}

function reportOn({ kind, card, signed }: Answer, options: Options): void {
  const { output } = options;
  const { group, index, split } = signed;
  const custodian = { name: card.name, fingerprint: card.fingerprint };
  if (options.json) report(options, { [kind]: output, custodian, split, group, index }, []);
}
