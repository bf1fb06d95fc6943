/** Canonical JSON: what a schema would not see is refused. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { decodeJson, faultInLayout, isPlainJson } from '#strongroom/json.js';
import { outcome } from './support/archive.ts';

const kind = { what: 'document', code: 'SEAL_INVALID', maxBytes: 4096 } as const;
const schema = z.record(z.string(), z.json());
const decode = (json: string) => outcome(() => decodeJson(Buffer.from(json), schema, kind));

it('takes plain members', async () => {
  expect(await decode('{"a":{"b":1}}')).toBe('accepted');
});

it.each([
  ['a member called __proto__', '{"__proto__":1,"a":1}'],
  ['one deep inside', '{"a":[{"__proto__":null}]}'],
  ['more than 64 levels', `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`],
  ['another order', '{"b":1,"a":1}'],
  ['a member twice', '{"a":1,"a":1}'],
  ['a space', '{"a": 1}'],
])('refuses %s', async (_, json) => {
  expect(await decode(json)).toBe('SEAL_INVALID');
});

it('does not seal what it would refuse', () => {
  expect(isPlainJson(JSON.parse('{"a":{"__proto__":1}}'))).toBe(false);
});

it.each([
  ['{"a":1,"a":2}', /"a" is there twice/],
  ['{"a" :1,"b":{"a":1},"\\u0061"\n:2}', /"a" is there twice/],
  ['{"\\\\":1,"\\\\":2}', /is there twice/],
  ['{"a\\"{":1,"b":1.0}', /the number 1.0/],
  ['[-1]', /the number -1/],
  ['{"a":"\\\\","b":"a","c":{"a":1},"d":["a","a"]}', undefined],
  ['{"a":"{\\"a\\":1.5,\\"a\\":1}"}', undefined],
])('finds what only some readers would take in %s', (json, fault) => {
  JSON.parse(json);
  if (fault === undefined) expect(faultInLayout(json)).toBeUndefined();
  else expect(faultInLayout(json)).toMatch(fault);
});
