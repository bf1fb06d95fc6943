/**
 * How a ceremony talks with the people around the machine. There is one interface, so that a
 * terminal and the script of a rehearsal lead through the same steps.
 */
import { utf8 } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';
import { normalizePassphrase } from '../../keys/passphrase.ts';

export interface Question {
  /** Whose turn it is at the keyboard. */
  readonly who: string;
  readonly what: string;
  /** What would be right, where the answer repeats something that everyone saw or heard. */
  readonly shown?: string;
}

export interface Console {
  say(line: string): void;
  ask(question: Question): Promise<string>;
  /** @param isNew whether it is chosen now, and so asked for twice; the caller wipes it. */
  passphrase(question: Question, isNew: boolean): Promise<Uint8Array>;
}

/** In a script: whatever would be right. */
const asShown = '$shown';

/**
 * The console of a rehearsal: answers from a list, one for each question.
 * @param say gets every line, and the questions too.
 */
export function scriptedConsole(answers: readonly string[], say: (line: string) => void): Console {
  const left = [...answers];
  const next = ({ who, what, shown }: Question): string => {
    const answer = left.shift();
    if (answer === undefined) {
      throw new StrongroomError('USAGE', `the answers end before "${who}: ${what}"`);
    }
    say(`${who}: ${what}`);
    return answer === asShown && shown !== undefined ? shown : answer;
  };
  return {
    say,
    ask: async (question) => next(question),
    passphrase: async (question) => normalizePassphrase(utf8(next(question))),
  };
}
