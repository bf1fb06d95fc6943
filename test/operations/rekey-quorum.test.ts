/** Rekeying what a quorum guards: shares are bound to the old key, so they are dealt anew. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  createIdentity,
  type Identity,
  inspect,
  list,
  type QuorumPlan,
  type RekeyOptions,
  rekey,
} from '#strongroom/index.js';
import { opens } from '../custody/helpers.ts';
import { asked, type Board, board, guarded } from '../custody/quorum/helpers.ts';
import { outcome, sharedWorkspace, workspace } from '../support/archive.ts';

const root = sharedWorkspace();
let made: Board;
let archive: string;
let holder: { readonly fileKey: Uint8Array };
let oldApprovals: string[];

beforeAll(async () => {
  made = board();
  archive = await guarded(root, made);
  const request = await asked(root, made, archive);
  oldApprovals = [];
  for (const one of deciders()) oldApprovals.push(await request.approvalOf(one));
  holder = await request.combine(oldApprovals);
});

const deciders = () => [made.legal[0], made.security[0], made.security[1]] as Identity[];

const anew = (output: string, options: Partial<RekeyOptions> = {}) =>
  rekey(archive, {
    identity: made.who.author,
    holder,
    trust: made.trust,
    recipients: [],
    output,
    ...options,
  });

it('is refused unless the quorum is named, and leaves nothing', async () => {
  const directory = workspace();
  const output = join(directory, 'new.srm');
  expect(await outcome(() => anew(output))).toBe('QUORUM_NEEDED');
  const { reader } = made.who;
  expect(await outcome(() => anew(output, { recipients: [reader.card] }))).toBe('QUORUM_NEEDED');
  expect(await outcome(() => anew(output, { quorums: [] }))).toBe('NO_RECIPIENTS');
  expect(readdirSync(directory)).toEqual([]);
});

describe('with the same quorum', () => {
  it('opens for it, by new approvals alone', async () => {
    const directory = workspace();
    const output = join(directory, 'new.srm');
    const report = await anew(output, { quorums: [made.plan] });
    expect(report).toMatchObject({ recipients: 0, quorums: 1, shares: 7 });
    expect(report.quorumChange).toBeUndefined();
    const splitOf = async (path: string) => (await inspect(path)).keyring.quorums?.[0]?.split;
    expect(await splitOf(output)).not.toBe(await splitOf(archive));

    const fresh = await asked(directory, made, output);
    expect(await outcome(() => fresh.combine(oldApprovals))).toBe('APPROVAL_OTHER_ARCHIVE');
    const approvals: string[] = [];
    for (const one of deciders()) approvals.push(await fresh.approvalOf(one));
    const found = await fresh.combine(approvals);
    const listed = await list(output, { identity: found, trust: made.trust });
    expect(listed.map(({ path }) => path)).toEqual(['config.json', 'model.bin']);
    found.wipe();
    expect(await outcome(() => list(output, { identity: holder, trust: made.trust }))).toBe(
      'COMMIT_MISMATCH',
    );
  });
});

describe('with another quorum', () => {
  const [legal, security] = [
    () => made.plan.groups[0] as QuorumPlan['groups'][0],
    () => made.plan.groups[1] as QuorumPlan['groups'][0],
  ];

  it('tells how it differs', async () => {
    const hal = createIdentity({ name: 'Hal' });
    const [, ...rest] = security().custodians;
    const changed = { ...security(), custodians: [...rest, hal.card] };
    const quorums = [{ groups: [{ ...legal(), threshold: 2 }, changed] }];
    const { quorumChange } = await anew(join(workspace(), 'new.srm'), { quorums });
    expect(quorumChange).toEqual({
      before: '1 of 2 of legal and 2 of 5 of security',
      now: '2 of 2 of legal and 2 of 5 of security',
      gone: ['Cleo'],
      added: ['Hal'],
    });
  });

  it('tells that there is none any more', async () => {
    const { reader } = made.who;
    const output = join(workspace(), 'new.srm');
    const dropped = await anew(output, { quorums: [], recipients: [reader.card] });
    expect(dropped.quorumChange).toMatchObject({ now: 'none', added: [] });
    expect(dropped.quorumChange?.gone).toHaveLength(7);
    expect(await opens(output, reader, made.trust)).toBe('accepted');
  });

  it.each([
    ['of another suite', 'SUITE_MISMATCH', { suite: 'cnsa2' as const }],
    [
      'with an expired card',
      'CARD_EXPIRED',
      { now: '2020-01-01T00:00:00Z', expires: '2020-02-01T00:00:00Z' },
    ],
  ])('refuses a custodian %s', async (_, code, details) => {
    const directory = workspace();
    const other = createIdentity({ name: 'Other', ...details });
    const groups = [{ ...legal(), custodians: [...legal().custodians, other.card] }, security()];
    const run = () => anew(join(directory, 'new.srm'), { quorums: [{ groups }] });
    expect(await outcome(run)).toBe(code);
    expect(readdirSync(directory)).toEqual([]);
  });
});
