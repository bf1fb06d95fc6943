import { describe, expect, it } from 'vitest';
import { concat, utf8 } from '#strongroom/bytes.js';
import { createLedgerKey } from '#strongroom/provenance/ledger/keyfile.js';
import { decodeLedgerPolicy } from '#strongroom/provenance/ledger/policy.js';
import { encodeVkey } from '#strongroom/provenance/ledger/signatures.js';
import { codeOf, refusal } from '../../keys/helpers.ts';
import { logKey, policyOf } from './helpers.ts';

const [classical = '', logVkey = ''] = logKey.verifiers.map(encodeVkey);
const vkeys = Array.from({ length: 6 }, (_, i) => {
  const { verifiers } = createLedgerKey(`w${i}`, 'witness');
  return verifiers.map(encodeVkey).join();
});
const [x1, x2, x3, y1, y2, y3] = vkeys;

/** The example of c2sp.org/tlog-policy. */
const example = `# a comment
log ${logVkey}

witness X1 ${x1}
witness X2\t${x2} https://x2.example/
  witness X3 ${x3}
group X-witnesses 2 X1 X2 X3

witness Y1 ${y1}
witness Y2 ${y2}
witness Y3 ${y3}
  # another
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;

const quorumOf = (text: string, ...names: string[]) => {
  const policy = policyOf(text);
  const cosigners = policy.witnesses.filter(({ name }) => names.includes(name));
  expect(cosigners).toHaveLength(names.length);
  return policy.isQuorum(new Set(cosigners));
};

describe('quorums', () => {
  it('are those of the example', () => {
    const { logs, witnesses } = policyOf(example);
    expect(logs.map(({ name }) => name)).toEqual(['example.com/log']);
    expect(witnesses).toHaveLength(6);
    expect(quorumOf(example, 'w0', 'w1', 'w3')).toBe(true);
    expect(quorumOf(example, 'w0', 'w2', 'w5')).toBe(true);
    expect(quorumOf(example, 'w0', 'w3', 'w4', 'w5')).toBe(false);
    expect(quorumOf(example, 'w0', 'w1', 'w2')).toBe(false);
    expect(quorumOf(example)).toBe(false);
  });

  it('may be one witness, or nobody', () => {
    expect(quorumOf(`witness a ${x1}\nwitness b ${x2}\nquorum b\n`, 'w1')).toBe(true);
    expect(quorumOf(`witness a ${x1}\nwitness b ${x2}\nquorum b\n`, 'w0')).toBe(false);
    expect(quorumOf('quorum none\n')).toBe(true);
  });

  it('hold at any depth', () => {
    const lines = [`witness g0 ${x1}`];
    for (let i = 1; i < 1000; i++) lines.push(`group g${i} all g${i - 1}`);
    expect(quorumOf(`${lines.join('\n')}\nquorum g999\n`, 'w0')).toBe(true);
  });
});

const both = createLedgerKey('example.com/both', 'witness').verifiers.map(encodeVkey).join();

describe('a policy', () => {
  it('may name log and witnesses by names that are not ASCII', () => {
    const { verifiers } = createLedgerKey('zeuge.example/straße', 'witness');
    const policy = policyOf(`witness größe ${verifiers.map(encodeVkey)}\nquorum größe\n`);
    expect(policy.witnesses[0]?.name).toBe('zeuge.example/straße');
  });

  it.each([
    ['no quorum', `log ${logVkey}\n`, /no quorum/],
    ['two quorums', 'quorum none\nquorum none\n', /line 2: a second quorum/],
    ['a quorum of two names', 'quorum none none\n', /one name/],
    ['a quorum that comes too early', `quorum a\nwitness a ${x1}\n`, /line 1: a is not defined/],
    ['an unknown keyword', 'logs\nquorum none\n', /line 1: logs is not known/],
    ['a keyword of all objects', 'constructor\nquorum none\n', /constructor is not known/],
    [
      'the same log twice',
      `log ${logVkey}\nlog ${logVkey} u\nquorum none\n`,
      /a key of a log twice/,
    ],
    ['a log as its own witness', `log ${both}\nwitness a ${both}\nquorum a\n`, /witness twice/],
    ['the same witness twice', `witness a ${x1}\nwitness b ${x1}\nquorum none\n`, /twice/],
    [
      'the same name twice',
      `witness a ${x1}\nwitness a ${x2}\nquorum none\n`,
      /a is defined twice/,
    ],
    ['a group by a name that is taken', `witness a ${x1}\ngroup a any a\nquorum a\n`, /twice/],
    ['a witness called none', `witness none ${x1}\nquorum none\n`, /name/],
    ['a member twice', `witness a ${x1}\ngroup g 1 a a\nquorum g\n`, /a is a member twice/],
    [
      'a member of two groups',
      `witness a ${x1}\ngroup g any a\ngroup h any a\nquorum g\n`,
      /a is a member twice/,
    ],
    ['an empty group', 'group g all\nquorum g\n', /a member or more/],
    ['a group of none', 'group g any none\nquorum g\n', /none is not defined/],
    ['a threshold of zero', `witness a ${x1}\ngroup g 0 a\nquorum g\n`, /from 1 to 1/],
    ['a threshold above all', `witness a ${x1}\ngroup g 2 a\nquorum g\n`, /from 1 to 1/],
    ['a threshold of another spelling', `witness a ${x1}\ngroup g 01 a\nquorum g\n`, /from 1 to 1/],
    ['a threshold of all objects', `witness a ${x1}\ngroup g valueOf a\nquorum g\n`, /from 1 to 1/],
    ['a log that signs as a witness', `witness a ${classical}\nquorum a\n`, /no witness signs/],
    ['too many items', `log ${logVkey} https://a b\nquorum none\n`, /too many items/],
    ['a vkey that is none', 'log a+b+c\nquorum none\n', /line 1: verifier key/],
    ['a carriage return', 'quorum none\r\n', /control characters/],
    ['a DEL', '# \x7f\nquorum none\n', /control characters/],
  ])('is refused with %s', async (_, text, words) => {
    const { code, message } = await refusal(() => policyOf(text));
    expect(message).toMatch(words);
    expect(code).toBe('LEDGER_POLICY_INVALID');
  });

  it('is refused if it is too long', async () => {
    const long = concat(new Uint8Array(2 ** 20).fill(0x23), utf8('\nquorum none\n'));
    expect(await codeOf(() => decodeLedgerPolicy(long))).toBe('LEDGER_POLICY_INVALID');
    expect(await codeOf(() => policyOf(`${'\n'.repeat(4096)}quorum none\n`))).toBe(
      'LEDGER_POLICY_INVALID',
    );
  });
});
