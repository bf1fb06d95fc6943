/** Fingerprints by voice: a few of their groups, typed by whoever wrote them down. */
import { randomInt } from 'node:crypto';
import type { Question } from './console.ts';

/** Asks for two groups of a fingerprint, chosen anew each time. */
export function fingerprintQuestion(
  who: string,
  owner: string,
  fingerprint: string,
): Required<Question> {
  const groups = fingerprint.split('-');
  const first = randomInt(groups.length - 1);
  const second = first + 1 + randomInt(groups.length - 1 - first);
  const whose = who === owner ? 'your' : `${owner}'s`;
  return {
    who,
    what: `type groups ${first + 1} and ${second + 1} of ${whose} fingerprint, as you wrote them down`,
    shown: `${groups[first]} ${groups[second]}`,
  };
}

/** As Crockford's base 32 is read: without case, spaces and dashes; I and L are 1, O is 0. */
const heard = (text: string): string =>
  text.toUpperCase().replace(/[\s-]/g, '').replace(/[IL]/g, '1').replaceAll('O', '0');

export const isSame = (typed: string, shown: string): boolean => heard(typed) === heard(shown);
