/** The console of a ceremony on a terminal: lines and prompts on standard error. */

import { StrongroomError } from '../../errors.ts';
import type { Console } from '../../index.ts';
import { printable } from '../../text.ts';
import { askPassphrase } from '../passphrase.ts';

export const say = (line: string): void => {
  process.stderr.write(`${printable(line)}\n`);
};

/**
 * @param signal ends a prompt that waits.
 * @throws StrongroomError `USAGE` if there is no terminal.
 */
export function terminalConsole(signal: AbortSignal): Console {
  const { stdin: input, stderr: output } = process;
  if (!input.isTTY || !output.isTTY) {
    throw new StrongroomError('USAGE', 'a ceremony needs people at a terminal', {
      hint: 'run it on a terminal; a rehearsal also takes --answers FILE',
    });
  }
  return {
    say,
    async ask({ who, what }) {
      const { isCancel, text } = await import('@clack/prompts');
      const message = printable(`${who}: ${what}`);
      const answer = await text({ message, input, output, signal, withGuide: false });
      if (isCancel(answer)) throw new StrongroomError('INTERRUPTED', 'interrupted');
      return answer ?? '';
    },
    passphrase: ({ who, what }, isNew) =>
      askPassphrase({
        message: `${who}: ${what}`,
        signal,
        ...(isNew ? { again: `${who}: the same passphrase again` } : {}),
      }),
  };
}
