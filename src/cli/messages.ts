/**
 * What the command says. Data goes to standard output; all else to standard error, in
 * lines that begin with `error:`, `warning:` or `hint:`, or as JSON with `--json`.
 *
 * Whatever comes from archives, cards and paths is escaped before a terminal sees it.
 */
import { styleText } from 'node:util';
import type { StrongroomError } from '../errors.ts';
import { printable } from '../text.ts';

// Looked up here and not among parsed options, since it counts for usage errors as well
const optionsEnd = process.argv.indexOf('--', 2);
const json = process.argv
  .slice(2, optionsEnd < 0 ? undefined : optionsEnd)
  .some((argument) => argument === '--json');

/** Knows NO_COLOR and TERM; undefined on what is not a terminal. */
const coloured = (): boolean => process.stderr.hasColors?.() ?? false;

const colours = { error: 'red', warning: 'yellow', hint: 'cyan' } as const;

function line(label: keyof typeof colours, message: string): void {
  const start = `${label}:`;
  const shown = coloured() ? styleText(colours[label], start, { validateStream: false }) : start;
  process.stderr.write(`${shown} ${printable(message)}\n`);
}

/** Says what went wrong and what helps; a stack only if STRONGROOM_DEBUG is 1. */
export function showError(error: StrongroomError): void {
  const { code, message, hint } = error;
  if (json) process.stderr.write(`${encode({ error: { code, message, hint } })}\n`);
  else line('error', message);
  if (!json && hint !== undefined) line('hint', hint);
  if (process.env.STRONGROOM_DEBUG !== '1') return;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    for (const frame of cause.stack?.split('\n') ?? []) {
      process.stderr.write(`  ${printable(frame)}\n`);
    }
  }
}

/** Says what to be careful with; not silenced by `--quiet`. */
export function warn(message: string, hint?: string): void {
  if (json) process.stderr.write(`${encode({ warning: { message, hint } })}\n`);
  else line('warning', message);
  if (!json && hint !== undefined) line('hint', hint);
}

/** One line about success, and what to do next. */
export function tell(message: string, { quiet = false, hint = '' } = {}): void {
  if (quiet || json) return;
  process.stderr.write(`${printable(message)}\n`);
  if (hint !== '') line('hint', hint);
}

/** A report on standard output: one line of JSON, or lines of text. */
export function report(options: { readonly json?: boolean }, value: unknown, lines: string[]) {
  print(options.json ? [encode(value)] : lines);
}

/** Lines on standard output, escaped. */
export function print(lines: readonly string[]): void {
  process.stdout.write(lines.map((text) => `${printable(text)}\n`).join(''));
}

/** Names and values in two columns; those without a value are left out. */
export function table(rows: readonly (readonly [name: string, value: string | undefined])[]) {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows
    .filter((row): row is readonly [string, string] => row[1] !== undefined)
    .map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

/** JSON in ASCII, so that it is as safe on a terminal as it is for programs. */
export const encode = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
