import type { Command } from 'commander';
import { addPlanCancel } from './cancel.ts';
import { addPlanFinish } from './finish.ts';
import { addPlanOpen } from './open.ts';
import { addPlanSeal } from './seal.ts';
import { addPlanShow } from './show.ts';
import { addPlanSubmit } from './submit.ts';
import { addPlanVerify } from './verify.ts';

export function addPlan(program: Command): void {
  const plan = program
    .command('plan')
    .summary('divide an archive among many machines')
    .description(
      'A signed plan divides an archive into ranges, which workers do in any order, and again.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom plan seal weights -o s3://models/weights.srm --ranges 64 \\
    -r partner.card --sign lab.key --worker w0.card --worker w1.card -p w.plan
  strongroom work -p w.plan --index 0 -i w0.key --signer lab.key.card
  strongroom plan show -p w.plan --signer lab.key.card
  strongroom plan finish -p w.plan -i lab.key
`,
    );
  for (const add of [
    addPlanSeal,
    addPlanOpen,
    addPlanVerify,
    addPlanShow,
    addPlanSubmit,
    addPlanFinish,
    addPlanCancel,
  ])
    add(plan);
}
