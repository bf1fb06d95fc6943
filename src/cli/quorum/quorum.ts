import type { Command } from 'commander';
import { addApprove, addProve } from './answer.ts';
import { addChallenge, addRequest } from './ask.ts';
import { addCheck, addCombine } from './collect.ts';
import { addReshare } from './reshare.ts';
import { addShow } from './show.ts';

export function addQuorum(program: Command): void {
  const quorum = program
    .command('quorum')
    .summary('open an archive together, and rehearse it')
    .description(
      'A quorum opens what nobody can open alone: groups that must all agree, each k of n.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom quorum request w.srm -o eval.req --purpose "audit" --expires 24h \\
    --sign me.key
  strongroom quorum approve eval.req --archive w.srm -i ada.key \\
    --trust policy.json -o ada.approval
  strongroom quorum combine eval.req ada.approval cleo.approval \\
    --archive w.srm --request-key eval.req.key --trust policy.json
  strongroom quorum check drill.req *.proof --archive w.srm --trust policy.json
`,
    );
  for (const add of [
    addRequest,
    addShow,
    addApprove,
    addCombine,
    addChallenge,
    addProve,
    addCheck,
    addReshare,
  ]) {
    add(quorum);
  }
}
