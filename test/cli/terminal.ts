/** A command on a terminal of its own (script(1)), and someone who answers its prompts. */
import { spawn } from 'node:child_process';
import { bin } from './helpers.ts';

export interface Prompt {
  readonly who: string;
  readonly what: string;
  /** All that was on the screen before, without control sequences. */
  readonly screen: string;
}

/**
 * Runs `strongroom` with the words of a shell command.
 * @param answer called once for each prompt of the form "WHO: WHAT".
 */
export function onTerminal(
  words: string,
  cwd: string,
  answer: (prompt: Prompt) => string,
): Promise<{ readonly status: number; readonly screen: string }> {
  return new Promise((done, fail) => {
    const command = `'${process.execPath}' '${bin}' ${words}`;
    const env = { ...process.env, TERM: 'xterm', SHELL: '/bin/sh' };
    // A pseudoterminal begins without a size; this one is wide enough for every prompt
    const child = spawn('script', ['-qfec', `stty cols 200 rows 50; ${command}`, '/dev/null'], {
      cwd,
      env,
    });
    let screen = '';
    let from = 0;
    let isAnswered = false;
    let drawn = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (part: string) => {
      drawn += part;
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences, ECMA-48
      screen = drawn.replace(/\x1b\[[0-9;?]*[A-Za-z]|\r/g, '');
      for (;;) {
        const rest = screen.slice(from);
        // A prompt is drawn anew with every key; its mark changes once it is answered
        const found = (isAnswered ? /◇[^\n]*\n/ : /[◆▲] +([^:\n]+): ([^\n]+)\n/).exec(rest);
        if (found === null) return;
        from += found.index + found[0].length;
        if (!isAnswered) {
          const [, who = '', what = ''] = found;
          child.stdin.write(`${answer({ who, what, screen })}\r`);
        }
        isAnswered = !isAnswered;
      }
    });
    child.on('error', fail);
    child.on('close', (status) => done({ status: status ?? -1, screen }));
  });
}
