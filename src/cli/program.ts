/** The command and its commands: help that leads with examples, usage errors like all others. */
import { Command, type CommanderError } from 'commander';
import { StrongroomError } from '../errors.ts';
import { addBom } from './bom.ts';
import { addCard } from './card/card.ts';
import { addCat } from './cat.ts';
import { addCeremony } from './ceremony/ceremony.ts';
import { addCustody } from './custody/custody.ts';
import { addGrant } from './grant.ts';
import { authorizeArchives } from './http-header.ts';
import { addInspect } from './inspect.ts';
import { addKeygen } from './keygen.ts';
import { addKeys } from './keys/keys.ts';
import { addLedger } from './ledger/ledger.ts';
import { addLs } from './ls.ts';
import { addOms } from './oms/oms.ts';
import { addOpen } from './open.ts';
import { addPlan } from './plan/plan.ts';
import { addQuorum } from './quorum/quorum.ts';
import { addRecipients } from './recipients.ts';
import { addRekey } from './rekey.ts';
import { addRevoke } from './revoke.ts';
import { addRun } from './run.ts';
import { addSeal } from './seal.ts';
import { addServe } from './serve.ts';
import { addVerify } from './verify.ts';
import { addWork } from './work.ts';

const groups: readonly (readonly [heading: string, ...((program: Command) => void)[]])[] = [
  ['Archives', addSeal, addOpen, addVerify, addInspect, addLs, addCat, addServe, addRun],
  ['Scale', addPlan, addWork],
  ['Keys', addKeygen, addCard, addKeys, addCeremony],
  ['Access', addRecipients, addGrant, addRevoke, addRekey, addQuorum],
  ['Provenance', addCustody, addLedger, addOms, addBom],
];

export function createProgram(version: string): Command {
  const program = new Command('strongroom')
    .description('Quantum-safe encryption of AI model weights.')
    .version(version, '--version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .configureOutput({ outputError: () => {} })
    .configureHelp({ showGlobalOptions: false, subcommandTerm: (command) => command.name() })
    .addHelpText(
      'before',
      `Examples:
  strongroom keygen --name "Vault Lab" -o lab.key
  strongroom seal weights -o weights.srm -r partner.key.card --sign lab.key
  strongroom open weights.srm -o weights -i partner.key --signer lab.key.card
`,
    )
    .addHelpText(
      'after',
      `
Exit status: 0 ok, 1 failure, 2 usage, 3 verification failed, 4 no key fits,
130 interrupted, 128 + N ended by signal N. Data goes to standard output, all
else to standard error. STRONGROOM_DEBUG=1 shows where an error came from.`,
    );
  for (const [heading, ...commands] of groups) {
    program.commandsGroup(`${heading}:`);
    for (const add of commands) add(program);
  }
  addHelp(program);
  program.hook('preAction', (_, command) => authorizeArchives(command));
  speakAlike(program);
  return program;
}

/** `help COMMAND…`, for those who look there first; it is `COMMAND… --help`. */
function addHelp(program: Command): void {
  const show = (names: readonly string[]) => {
    const found = names.reduce((command, name) => {
      const next = command.commands.find((each) => each.name() === name);
      if (next !== undefined) return next;
      throw new StrongroomError('USAGE', `unknown command '${name}'`, { hint: seeHelp(command) });
    }, program);
    found.outputHelp();
  };
  program.command('help', { hidden: true }).argument('[command...]').action(show);
}

/** Gives a command and all below it our usage errors. */
function speakAlike(command: Command): void {
  command.helpCommand(false);
  command.exitOverride((error) => {
    if (error.exitCode === 0) throw error;
    throw usageError(error, command);
  });
  for (const child of command.commands) speakAlike(child);
}

const messages: Readonly<Record<string, string>> = {
  'commander.excessArguments': 'too many arguments',
  'commander.help': 'no command is named',
};

function usageError({ code, message }: CommanderError, command: Command): StrongroomError {
  const [first = '', suggestion] = message.split('\n');
  const meant = /Did you mean (?:one of )?(.*)\?/.exec(suggestion ?? '')?.[1];
  const help = seeHelp(command);
  return new StrongroomError('USAGE', messages[code] ?? first.replace(/^error: /, ''), {
    hint: meant === undefined ? help : `did you mean ${meant}? ${help}`,
  });
}

const seeHelp = (command: Command): string => `see "${pathOf(command)} --help"`;

const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
