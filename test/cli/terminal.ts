/** A command on a terminal of its own (script(1)), and someone who answers its prompts. */
import { spawn } from 'node:child_process';
import { bin } from './helpers.ts';

export interface Prompt {
  readonly who: string;
  readonly what: string;
  /** All that was on the screen before, without control sequences. */
  readonly screen: string;
}

/** The command on a terminal that is wide enough for every prompt. */
function start(words: string, cwd: string) {
  const command = `'${process.execPath}' '${bin}' ${words}`;
  const env = { ...process.env, TERM: 'xterm', SHELL: '/bin/sh' };
  // A pseudoterminal begins without a size
  const script = ['-qfec', `stty cols 200 rows 50; ${command}`, '/dev/null'];
  const child = spawn('script', script, { cwd, env });
  child.stdout.setEncoding('utf8');
  return child;
}

const withoutControls = (drawn: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences, ECMA-48
  drawn.replace(/\x1b\[[0-9;?]*[A-Za-z]|\r/g, '');

/**
 * Runs `strongroom` and types each line as soon as the words before it have come.
 * @returns its status, and all that was on the screen.
 */
export function typing(
  words: string,
  cwd: string,
  lines: readonly (readonly [after: RegExp, line: string])[],
): Promise<{ readonly status: number; readonly screen: string }> {
  return new Promise((done, fail) => {
    const child = start(words, cwd);
    const left = [...lines];
    let drawn = '';
    let from = 0;
    child.stdout.on('data', (part: string) => {
      drawn += part;
      const [next] = left;
      if (next === undefined || !next[0].test(withoutControls(drawn.slice(from)))) return;
      from = drawn.length;
      left.shift();
      child.stdin.write(`${next[1]}\r`);
    });
    child.on('error', fail);
    child.on('close', (status) => done({ status: status ?? -1, screen: withoutControls(drawn) }));
  });
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
    const child = start(words, cwd);
    let screen = '';
    let from = 0;
    let isAnswered = false;
    let drawn = '';
    child.stdout.on('data', (part: string) => {
      drawn += part;
      screen = withoutControls(drawn);
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
