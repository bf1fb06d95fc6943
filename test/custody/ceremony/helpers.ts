/** People at a ceremony who answer as they are told to. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { utf8 } from '#strongroom/bytes.js';
import type { Console } from '#strongroom/custody/ceremony/console.js';

export const plan = {
  type: 'strongroom/ceremony-plan',
  version: 1,
  title: 'Root custody',
  administrator: { name: 'Ada' },
  witnesses: [{ name: 'Wim' }],
  groups: [
    { name: 'legal', threshold: 1, custodians: ['Lea'] },
    { name: 'security', threshold: 2, custodians: ['Sam', 'Sue'] },
  ],
};

export function writePlan(directory: string, change: object = {}, name = 'plan.json'): string {
  const path = join(directory, name);
  writeFileSync(path, JSON.stringify({ ...plan, ...change }));
  return path;
}

interface Asked {
  readonly who: string;
  readonly what: string;
}

/**
 * People who answer what is right, but where `instead` gives another answer.
 * @param instead called for every prompt; `undefined` for the right answer.
 */
export function people(
  instead: (asked: Asked, count: number) => string | undefined = () => undefined,
) {
  const lines: string[] = [];
  const asked: Asked[] = [];
  const answerOf = (question: Asked, right: string): string => {
    asked.push(question);
    return instead(question, asked.length) ?? right;
  };
  const console: Console = {
    say: (line) => lines.push(line),
    ask: async (question) => answerOf(question, question.shown ?? ''),
    passphrase: async (question) => utf8(answerOf(question, `passphrase of ${question.who}`)),
  };
  return { console, lines, asked };
}
