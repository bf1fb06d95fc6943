/** Canonical JSON: what a schema would not see is refused. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { decodeJson, isPlainJson } from '#strongroom/json.js';
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
