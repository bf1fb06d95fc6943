import { describe, expect, test } from 'vitest';
import { rehearseRecovery } from '#strongroom/custody/ceremony/recovery.js';
import { createIdentity, type Identity } from '#strongroom/keys/identity.js';
import { codeOf, refusal, suiteNames } from '../../keys/helpers.ts';

describe.each(suiteNames)('a recovery rehearsal of suite %s', (suite) => {
  const made = (name: string): Identity => createIdentity({ name, suite });
  const [lea, sam, sue, eve] = ['Lea', 'Sam', 'Sue', 'Eve'].map(made) as [
    Identity,
    Identity,
    Identity,
    Identity,
  ];
  const groups = [
    { name: 'legal', threshold: 1, custodians: ['Lea'] },
    { name: 'security', threshold: 2, custodians: ['Sam', 'Sue'] },
  ];
  const begin = () =>
    rehearseRecovery(groups, new Map([lea, sam, sue].map(({ card }) => [card.name, card])));

  test('recovers from a new split each time', async () => {
    const splits = [];
    for (let i = 0; i < 2; i += 1) {
      const rehearsal = await begin();
      for (const custodian of [sue, lea, sam]) rehearsal.approve(custodian);
      splits.push(await rehearsal.combine());
    }
    expect(splits[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(splits[0]).not.toBe(splits[1]);
  });

  test('fails without enough custodians, and names who is missing', async () => {
    const rehearsal = await begin();
    for (const custodian of [lea, sam]) rehearsal.approve(custodian);
    const error = await refusal(() => rehearsal.combine());
    expect(error).toMatchObject({ code: 'QUORUM_SHORT' });
    expect(error.message).toMatch(/1 of security/);
  });

  test('fails with the same custodian twice, or with another person', async () => {
    const rehearsal = await begin();
    expect(await codeOf(() => rehearsal.approve(eve))).toBe('NOT_A_HOLDER');
    // Another key of somebody with the same name
    expect(await codeOf(() => rehearsal.approve(made('Sam')))).toBe('NOT_A_HOLDER');
    for (const custodian of [lea, sam, sam]) rehearsal.approve(custodian);
    expect(await codeOf(() => rehearsal.combine())).toBe('APPROVAL_DUPLICATE');
  });

  test('is over once it was wiped', async () => {
    const rehearsal = await begin();
    for (const custodian of [lea, sam, sue]) rehearsal.approve(custodian);
    rehearsal.wipe();
    expect(await codeOf(() => rehearsal.combine())).toMatch(/REQUEST_KEY_INVALID|SHARE_INVALID/);
  });
});
