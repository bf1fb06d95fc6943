/** A quorum as in the story of docs/custody.md: 1 of 2 from legal and 2 of 5 from security. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer } from '#strongroom/custody/quorum/answer.js';
import type { Question } from '#strongroom/custody/quorum/question.js';
import {
  approveRequest,
  combineApprovals,
  createIdentity,
  type Identity,
  type QuorumPlan,
  requestQuorum,
  type SuiteName,
} from '#strongroom/index.js';
import { makeArchive, people } from '../../support/archive.ts';

export const files = { 'config.json': '{"layers":2}', 'model.bin': 'w'.repeat(9000) };

export function board(suite: SuiteName = 'hybrid') {
  const who = people(suite);
  const made = (name: string): Identity => createIdentity({ name, suite });
  const legal = ['Ada', 'Ben'].map(made);
  const security = ['Cleo', 'Dan', 'Eva', 'Finn', 'Gus'].map(made);
  const requester = made('requester');
  const plan: QuorumPlan = {
    groups: [
      { name: 'legal', threshold: 1, custodians: legal.map(({ card }) => card) },
      { name: 'security', threshold: 2, custodians: security.map(({ card }) => card) },
    ],
  };
  return { who, trust: who.trust, legal, security, requester, plan };
}

export type Board = ReturnType<typeof board>;

/** An archive that only the quorum can open. */
export const guarded = (root: string, { who, plan }: Board, name = 'archive'): Promise<string> =>
  makeArchive(root, { who, files, name, recipients: [], quorums: [plan] });

const hour = 3_600_000;
export const timeFromNow = (hours: number): string =>
  `${new Date(Date.now() + hours * hour).toISOString().slice(0, 19)}Z`;

/** One request about one archive, and everything that can be done about it. */
export async function asked(root: string, made: Board, archive: string, name = 'r') {
  const details = { purpose: 'evaluation', expires: timeFromNow(24), signer: made.requester };
  const { request, key } = await requestQuorum(archive, details);
  const path = save(root, `${name}.request`, request.bytes);
  const options = { archive, trust: made.trust };
  const approve = (identity: Identity, more: object = {}): Promise<Answer> =>
    approveRequest(path, { ...options, identity, confirm: () => true, ...more });
  const approvalOf = async (identity: Identity, file = `${name}.${identity.card.name}`) =>
    save(root, file, (await approve(identity)).bytes);
  const combine = (approvals: readonly string[], more: object = {}) =>
    combineApprovals(path, approvals, { ...options, key, ...more });
  return { request, key, path, options, approve, approvalOf, combine };
}

export type Asked = Awaited<ReturnType<typeof asked>>;

export function save(root: string, name: string, bytes: Uint8Array): string {
  const path = join(root, name);
  writeFileSync(path, bytes);
  return path;
}

/** The parsed document in a question or an answer. */
export const documentOf = ({ bytes }: Pick<Question | Answer, 'bytes'>) =>
  JSON.parse(Buffer.from(bytes).toString());

/** Every place of a value that is not an object or an array. */
export function leavesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, member]) => leavesOf(member, [...path, name]));
}

/** A copy with the member at `path` made into something else of its kind. */
export function altered<T>(document: T, path: readonly string[]): T {
  const copy = structuredClone(document);
  let at = copy as Record<string, unknown>;
  for (const name of path.slice(0, -1)) at = at[name] as Record<string, unknown>;
  const last = path.at(-1) ?? '';
  at[last] = other(at[last]);
  return copy;
}

function other(value: unknown): unknown {
  if (typeof value === 'number') return value === 1 ? 2 : 1;
  if (typeof value === 'boolean') return !value;
  const text = String(value);
  const isTime = /^\d{4}-/.test(text);
  const at = isTime ? 3 : 0;
  const digit = text[at] === '1' ? '2' : '1';
  return text.slice(0, at) + digit + text.slice(at + 1);
}
