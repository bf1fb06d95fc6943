/** Archives with a custody file, and ways to look into it and to break it. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  approveRequest,
  combineApprovals,
  createIdentity,
  custodyPathOf,
  grant,
  open,
  rekey,
  requestQuorum,
  revoke,
  seal,
  type Trust,
  verifyCustody,
} from '#strongroom/index.js';
import { outcome, segmentBytes, writeFiles } from '../../support/archive.ts';

const made = (name: string) => createIdentity({ name, suite: 'hybrid' });

/** The lab seals, the custodian grants, the partner opens; Ada and Bob are a quorum. */
export const cast = {
  lab: made('lab'),
  custodian: made('custodian'),
  partner: made('partner'),
  ada: made('ada'),
  bob: made('bob'),
  stranger: made('stranger'),
};

export const trust: Trust = {
  entries: [
    { card: cast.lab.card, roles: ['author'] },
    { card: cast.custodian.card, roles: ['custodian'] },
  ],
};

/** With a card of everyone who may tell that they opened it. */
export const whom = { trust, known: [cast.partner.card, cast.ada.card] };

const files = { 'config.json': '{"a":1}', 'weights.bin': 'w'.repeat(9000) };

/** A sealed archive whose custody file has one line. */
export async function sealed(root: string, name = 'archive'): Promise<string> {
  const output = join(root, `${name}.srm`);
  const { lab, custodian, ada, bob } = cast;
  await seal(writeFiles(join(root, `${name}-source`), files), {
    output,
    recipients: [lab.card, custodian.card],
    quorums: [{ groups: [{ name: 'board', threshold: 2, custodians: [ada.card, bob.card] }] }],
    signer: lab,
    segmentBytes,
    custody: true,
  });
  return output;
}

/** Every kind of event, seven lines. */
export async function eventful(root: string, name = 'archive'): Promise<string> {
  const path = await sealed(root, name);
  const { lab, custodian, partner, ada } = cast;
  await grant(path, { add: [partner.card], identity: custodian, trust, epochMemory: 'off' });
  await open(path, {
    output: join(root, `${name}-opened`),
    identity: partner,
    trust,
    epochMemory: 'off',
    record: { signer: partner },
  });
  await withApproval(root, name, path, async (found) => {
    await open(path, {
      output: join(root, `${name}-released`),
      identity: found,
      trust,
      epochMemory: 'off',
      record: { signer: ada },
    });
  });
  await revoke(path, { remove: [partner.card], identity: custodian, trust, epochMemory: 'off' });
  await rekey(path, {
    output: join(root, `${name}-2.srm`),
    recipients: [lab.card],
    quorums: [],
    identity: lab,
    trust,
    epochMemory: 'off',
  });
  return path;
}

/** What a quorum's approvals give; its request and approvals stay in `root`. */
export async function withApproval(
  root: string,
  name: string,
  path: string,
  use: (found: Awaited<ReturnType<typeof combineApprovals>>) => Promise<void>,
): Promise<void> {
  const { ada, bob } = cast;
  const expires = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`;
  const asked = await requestQuorum(path, { signer: ada, purpose: 'audit', expires });
  const request = join(root, `${name}.req`);
  writeFileSync(request, asked.request.bytes);
  const approvals: string[] = [];
  for (const identity of [ada, bob]) {
    const confirm = () => true;
    const approval = await approveRequest(request, { archive: path, trust, identity, confirm });
    approvals.push(join(root, `${name}.${identity.card.name}.approval`));
    writeFileSync(approvals.at(-1) ?? '', approval.bytes);
  }
  const { key } = asked;
  const found = await combineApprovals(request, approvals, { archive: path, trust, key });
  try {
    await use(found);
  } finally {
    found.wipe();
    key.wipe();
  }
}

/** The lines of a custody file, without their newlines. */
export const linesAt = (archive: string): string[] =>
  readFileSync(custodyPathOf(archive), 'utf8').trimEnd().split('\n');

export const writeLines = (archive: string, lines: readonly string[]): void =>
  writeFileSync(custodyPathOf(archive), lines.map((line) => `${line}\n`).join(''));

export const tear = (archive: string, bytes: string): void =>
  appendFileSync(custodyPathOf(archive), bytes);

/** The statement in a line. */
export const statementIn = (line: string) =>
  JSON.parse(Buffer.from(JSON.parse(line).payload, 'base64').toString());

/** `accepted`, or the code that the verification of the archive's custody ends with. */
export const verdict = (archive: string, more = {}) =>
  outcome(() => verifyCustody(archive, { ...whom, ...more }));
