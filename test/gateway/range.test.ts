import { expect, it } from 'vitest';
import { parseRange } from '#strongroom/gateway/range.js';

it.each([
  ['bytes=0-0', 10, { offset: 0, length: 1 }],
  ['bytes=2-5', 10, { offset: 2, length: 4 }],
  ['bytes=2-', 10, { offset: 2, length: 8 }],
  ['bytes=2-99', 10, { offset: 2, length: 8 }],
  ['Bytes=9-9', 10, { offset: 9, length: 1 }],
  ['bytes=-3', 10, { offset: 7, length: 3 }],
  ['bytes=-99', 10, { offset: 0, length: 10 }],
  ['bytes=10-', 10, 'unsatisfiable'],
  ['bytes=10-20', 10, 'unsatisfiable'],
  ['bytes=-0', 10, 'unsatisfiable'],
  ['bytes=0-', 0, 'unsatisfiable'],
  ['bytes=-5', 0, 'unsatisfiable'],
  [undefined, 10, undefined],
  ['', 10, undefined],
  ['bytes=-', 10, undefined],
  ['bytes=5-2', 10, undefined],
  ['bytes=0-1,3-4', 10, undefined],
  ['lines=0-1', 10, undefined],
  ['bytes=a-b', 10, undefined],
  ['bytes=0x1-2', 10, undefined],
  ['bytes=99999999999999999-', 10, undefined],
])('%s of %i bytes', (header, size, expected) => {
  expect(parseRange(header, size)).toEqual(expected);
});
