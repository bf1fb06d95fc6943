/** Statements as docs/schemas describe them: what we write fits, and what we refuse does not. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeJson } from '#strongroom/json.js';
import { parseStatement } from '#strongroom/provenance/statements/statement.js';
import { outcome, sharedWorkspace } from '../../support/archive.ts';
import { eventful, linesAt, statementIn } from './helpers.ts';

const schema = JSON.parse(readFileSync('docs/schemas/custody.v1.json', 'utf8'));
const fits = new Ajv2020({ strict: true, strictRequired: false }).compile(schema);
const root = sharedWorkspace();
let lines: string[];

beforeAll(async () => {
  lines = linesAt(await eventful(root));
}, 300_000);

const parses = async (line: string, statement: unknown) => {
  const payload = Buffer.from(encodeJson(statement)).toString('base64');
  const bytes = encodeJson({ ...JSON.parse(line), payload });
  return (await outcome(() => parseStatement(bytes, 'line'))) === 'accepted';
};

describe('the schema', () => {
  it('fits every event', () => {
    const types = lines.map((line) => {
      const statement = statementIn(line);
      expect(fits(statement), JSON.stringify(fits.errors)).toBe(true);
      return statement.predicateType;
    });
    expect(new Set(types).size).toBe(5);
  });

  it('refuses what the reader refuses, whichever member is missing or other', async () => {
    const members = lines.flatMap((line) => {
      const { predicate } = statementIn(line);
      return [...Object.keys(predicate), 'extra'].map((member) => ({ line, member }));
    });
    const values = fc.constantFrom(undefined, '', 0, -1, true, [], {}, 'x', '2026-01-01', [{}]);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...members), values, async ({ line, member }, value) => {
        const statement = statementIn(line);
        if (value === undefined) delete statement.predicate[member];
        else statement.predicate[member] = value;
        expect(Boolean(fits(statement)), JSON.stringify(statement)).toBe(
          await parses(line, statement),
        );
      }),
      { numRuns: 300 },
    );
  });
});
