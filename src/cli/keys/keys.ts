import type { Command } from 'commander';
import { addAdd } from './add.ts';
import { addAffected } from './affected.ts';
import { addCheckpoint } from './checkpoint.ts';
import { addExport } from './export.ts';
import { addInit } from './init.ts';
import { addList } from './list.ts';
import { addRotate } from './rotate.ts';
import { addShow } from './show.ts';
import { addState } from './state.ts';

export function addKeys(program: Command): void {
  const keys = program
    .command('keys')
    .summary('keep a registry of cards and the states of their keys')
    .description(
      'A registry is a directory of cards with a signed history each: which keys may be used, and for what.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom keys init --name "Vault Lab keys" --sign admin.key
  strongroom keys add lab.key.card --role author --sign admin.key
  strongroom keys state Ada suspended --reason "on leave" --sign admin.key
  strongroom keys affected Ada models/*.srm --admin admin.key.card
`,
    );
  for (const add of [
    addInit,
    addAdd,
    addList,
    addShow,
    addState,
    addRotate,
    addAffected,
    addExport,
    addCheckpoint,
  ]) {
    add(keys);
  }
}
