/**
 * Policies: the logs and witnesses that a reader knows, and how many of the latter must have
 * cosigned a checkpoint.
 *
 * c2sp.org/tlog-policy
 */
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import { decodeVkey, isSameKey, type LedgerRole, type Verifier } from './signatures.ts';

export interface LedgerPolicy {
  /** The name of each is the origin of its checkpoints. */
  readonly logs: readonly Verifier[];
  readonly witnesses: readonly Verifier[];
  /** Whether cosignatures of these witnesses are enough. */
  isQuorum(cosigners: ReadonlySet<Verifier>): boolean;
}

/** Whether a witness, or enough of a group, has cosigned. */
type Rule = (cosigners: ReadonlySet<Verifier>) => boolean;

const maxPolicyBytes = 2 ** 20;
/** Also bounds how deep groups of groups can go. */
const maxLines = 4096;

/** Names and keys as they are read, line by line. */
interface Draft {
  readonly logs: Verifier[];
  readonly witnesses: Verifier[];
  readonly rules: Map<string, Rule>;
  readonly members: Set<string>;
  quorum?: Rule;
}

/** One row a keyword: takes the items after it, and throws words on what is wrong. */
const keywords: Readonly<Record<string, (draft: Draft, items: readonly string[]) => void>> = {
  log(draft, [vkey, _url, ...rest]) {
    draft.logs.push(newKey('log', draft, vkey, rest));
  },

  witness(draft, [name, vkey, _url, ...rest]) {
    const key = newKey('witness', draft, vkey, rest);
    define(draft, name, (cosigners) => cosigners.has(key));
    draft.witnesses.push(key);
  },

  group(draft, [name, count, ...names]) {
    const rules = names.map((member) => {
      if (draft.members.has(member)) throw new Fault(`${member} is a member twice`);
      draft.members.add(member);
      return ruleOf(draft, member);
    });
    const threshold = thresholdOf(count, rules.length);
    define(draft, name, (cosigners) => rules.filter((rule) => rule(cosigners)).length >= threshold);
  },

  quorum(draft, [name = '', ...rest]) {
    if (draft.quorum !== undefined) throw new Fault('a second quorum');
    if (name === '' || rest.length > 0) throw new Fault('a quorum has one name');
    draft.quorum = name === none ? () => true : ruleOf(draft, name);
  },
};

const none = 'none';

/** What is wrong with a line. */
class Fault extends Error {}

function newKey(
  role: LedgerRole,
  { logs, witnesses }: Draft,
  vkey = '',
  rest: readonly string[],
): Verifier {
  if (rest.length > 0) throw new Fault('too many items');
  // Names in notes are UTF-8; all else here is bytes
  const key = decodeVkey(Buffer.from(vkey, 'latin1').toString('utf8'));
  if (!key.type.roles.includes(role)) throw new Fault(`no ${role} signs with ${key.type.name}`);
  // Nor as both: a log cannot be its own witness
  const isKnown = [...logs, ...witnesses].some((other) => isSameKey(other, key));
  if (isKnown) throw new Fault(`a key of a ${role} twice`);
  return key;
}

function define({ rules }: Draft, name: string | undefined, rule: Rule): void {
  if (name === undefined || name === none) throw new Fault('a name is missing');
  if (rules.has(name)) throw new Fault(`${name} is defined twice`);
  rules.set(name, rule);
}

function ruleOf({ rules }: Draft, name: string): Rule {
  const rule = rules.get(name);
  if (rule === undefined) throw new Fault(`${name} is not defined before`);
  return rule;
}

function thresholdOf(count: string | undefined, members: number): number {
  const words = new Map([
    ['any', 1],
    ['all', members],
  ]);
  const isNumber = count !== undefined && /^[1-9]\d{0,4}$/.test(count);
  const threshold = isNumber ? Number(count) : words.get(count ?? '');
  if (members === 0) throw new Fault('a group has a member or more');
  if (threshold === undefined || threshold > members) {
    throw new Fault(`a threshold is any, all, or a number from 1 to ${members}`);
  }
  return threshold;
}

/**
 * Reads a policy.
 * @param what names it in errors, such as its path.
 * @throws StrongroomError LEDGER_POLICY_INVALID, with the line.
 */
export function decodeLedgerPolicy(bytes: Uint8Array, what = 'policy'): LedgerPolicy {
  const refuse = (why: string) => new StrongroomError('LEDGER_POLICY_INVALID', `${what}: ${why}`);
  if (bytes.length > maxPolicyBytes) throw refuse(`longer than ${maxPolicyBytes} bytes`);
  const text = Buffer.from(bytes).toString('latin1');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a policy must not have
  if (/[\x00-\x08\x0b-\x1f\x7f]/.test(text)) throw refuse('it has control characters');
  const lines = text.split('\n');
  if (lines.length > maxLines) throw refuse(`more than ${maxLines} lines`);
  const draft: Draft = { logs: [], witnesses: [], rules: new Map(), members: new Set() };
  for (const [i, line] of lines.entries()) {
    const [keyword = '', ...items] = line.split(/[ \t]+/).filter((item) => item !== '');
    if (keyword === '' || keyword.startsWith('#')) continue;
    try {
      if (!Object.hasOwn(keywords, keyword)) throw new Fault(`${keyword} is not known`);
      keywords[keyword]?.(draft, items);
    } catch (error) {
      const { message } = error instanceof Fault ? error : asStrongroomError(error);
      throw refuse(`line ${i + 1}: ${message}`);
    }
  }
  const { logs, witnesses, quorum } = draft;
  if (quorum === undefined) throw refuse('it has no quorum, not even "quorum none"');
  return { logs, witnesses, isQuorum: quorum };
}
