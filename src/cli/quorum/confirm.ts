/** Asking a person for a decision, on a terminal only. */

import { StrongroomError } from '../../errors.ts';
import { printable } from '../../text.ts';

/**
 * Shows `lines` on standard error and asks; no is the default.
 * @throws StrongroomError `USAGE` where nobody can be asked, `INTERRUPTED`.
 */
export async function confirm(lines: readonly string[], question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new StrongroomError('USAGE', 'a decision is needed, and there is no terminal to ask on', {
      hint: 'read it with "strongroom quorum show", then say --yes',
    });
  }
  show(lines);
  const { confirm: ask, isCancel } = await import('@clack/prompts');
  const answer = await ask({
    message: question,
    initialValue: false,
    output: process.stderr,
    withGuide: false,
  });
  if (isCancel(answer)) throw new StrongroomError('INTERRUPTED', 'interrupted');
  return answer;
}

/** Lines on standard error, escaped. */
export const show = (lines: readonly string[]) =>
  void process.stderr.write(lines.map((line) => `${printable(line)}\n`).join(''));
