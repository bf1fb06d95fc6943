/** Must hold: the fuzzer finds what is wrong with a parser, and the same in every run. */
import { expect, it } from 'vitest';
import { StrongroomError } from '#strongroom/errors.js';
import { fuzz } from './fuzz.ts';
import type { Target } from './target.ts';

const seeds = [Buffer.from('{"a":1}')];
/** Nothing is new to it: what it is told must do. */
const blind = { fresh: () => 0 };
const run = (parse: Target['parse']) =>
  fuzz({ name: 'parser', seeds, parse }, blind, { seed: 1, runs: 3000, until: Infinity });

const refuse = () => {
  throw new StrongroomError('CARD_INVALID', 'no');
};

it('finds nothing in a parser that takes one spelling', async () => {
  const report = await run((input) =>
    Buffer.from(input).equals(seeds[0] as Buffer) ? input : refuse(),
  );
  expect(report.findings).toEqual([]);
  expect(report.runs).toBe(3000);
});

it('finds a parser that takes two spellings of one thing', async () => {
  const { findings } = await run((input) => {
    const value = Buffer.from(input).toString().trim();
    return value === '{"a":1}' ? Buffer.from(value) : refuse();
  });
  expect(findings.map(({ what }) => what)).toEqual(['Error: what was read is written otherwise']);
  expect(
    Buffer.from(findings[0]?.input ?? '', 'base64')
      .toString()
      .trim(),
  ).toBe('{"a":1}');
});

it('finds an error that is no refusal, on a way that goes by new refusals', async () => {
  const { findings } = await run((input) => {
    const text = Buffer.from(input).toString('latin1');
    if (text === '{"a":1}') return undefined;
    if (!text.includes('[')) throw new StrongroomError('CARD_INVALID', 'no bracket');
    if (!/\[.*\[/s.test(text)) throw new StrongroomError('CARD_INVALID', 'one bracket');
    throw new RangeError('too deep');
  });
  expect(findings.map(({ what }) => what)).toEqual(['RangeError: too deep']);
});
