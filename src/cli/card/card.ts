import type { Command } from 'commander';
import { addCheck } from './check.ts';
import { addExport } from './export.ts';
import { addImport } from './import.ts';
import { addShow } from './show.ts';

export function addCard(program: Command): void {
  const card = program
    .command('card')
    .summary('show, check, export and import cards')
    .description('A card is the public half of an identity: whom to seal for, and whom to trust.')
    .addHelpText(
      'before',
      `Examples:
  strongroom card show partner.key.card
  strongroom card check partner.key.card --fingerprint 3HB9A-MEK7C-...
  strongroom card export lab.key.card
  strongroom card import partner.pem --name "Partner Lab" -o partner.card
`,
    );
  for (const add of [addShow, addCheck, addExport, addImport]) add(card);
}
