/** The command `strongroom`: runs, says what went wrong, and ends with the right status. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { CommanderError } from 'commander';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import { keepMemoryOutOfDumps } from './dumps.ts';
import { showError } from './messages.ts';
import { createProgram } from './program.ts';
import { endBySignal, listenForSignals, wasInterrupted } from './signals.ts';

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string };

/** As a process that a closed pipe has ended: its reader had enough. */
const pipeClosed = 128 + constants.signals.SIGPIPE;

function fail(thrown: unknown): void {
  if (thrown instanceof CommanderError) {
    process.exitCode = thrown.exitCode;
    return;
  }
  const error = wasInterrupted()
    ? new StrongroomError('INTERRUPTED', 'interrupted', { cause: thrown })
    : asStrongroomError(thrown);
  if (error.code === 'PIPE_CLOSED') {
    process.exitCode = pipeClosed;
    return;
  }
  showError(error);
  if (error.code === 'INTERRUPTED') endBySignal();
  process.exitCode = error.exitStatus;
}

const end = (thrown: unknown) => {
  fail(thrown);
  process.exit();
};
keepMemoryOutOfDumps();
process.on('uncaughtException', end);
process.stdout.on('error', (error) => end(asStrongroomError(error, 'standard output')));
listenForSignals(() => process.stderr.write('error: interrupted\n'));

try {
  await createProgram(version).parseAsync();
} catch (thrown) {
  fail(thrown);
}
