/** What is told of an archive, and that a custody file which was tampered with is refused. */
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { base64 } from '#strongroom/bytes.js';
import { sha384 } from '#strongroom/crypto/hash.js';
import {
  custodyPathOf,
  grant,
  recordCustody,
  rekey,
  repairCustody,
  revoke,
  showCustody,
  verifyCustody,
} from '#strongroom/index.js';
import { encodeJson } from '#strongroom/json.js';
import { createStatement, parseStatement } from '#strongroom/provenance/statements/statement.js';
import { outcome, sharedWorkspace } from '../../support/archive.ts';
import {
  cast,
  eventful,
  linesAt,
  sealed,
  statementIn,
  tear,
  trust,
  verdict,
  whom,
  writeLines,
} from './helpers.ts';

const root = sharedWorkspace();
const { lab, custodian, partner, stranger } = cast;
const quiet = { trust, epochMemory: 'off' } as const;
let archive: string;
let other: string;
let told: string[];
let copies = 0;

beforeAll(async () => {
  archive = await eventful(root);
  other = await eventful(root, 'other');
  told = linesAt(archive);
}, 300_000);

/** A copy of the archive, with these lines as its custody file. */
function copyWith(lines: readonly string[]): string {
  const copy = join(root, `copy-${copies++}.srm`);
  copyFileSync(archive, copy);
  writeLines(copy, lines);
  return copy;
}

describe('a custody file', () => {
  it('tells every kind of event, in order, and whose word it is', async () => {
    const { story, held } = await verifyCustody(archive, { ...whom, identity: lab });
    expect(story.map(({ event, by, epoch }) => [event, by.name, epoch])).toEqual([
      ['sealed', 'lab', 1],
      ['granted', 'custodian', 2],
      ['opened', 'partner', 2],
      ['released', 'ada', 2],
      ['opened', 'ada', 2],
      ['revoked', 'custodian', 3],
      ['rekeyed', 'lab', 3],
    ]);
    expect(story[1]?.added).toEqual([{ key: partner.card.kem.id, name: 'partner' }]);
    // Of the sealing, and of both who opened all of it
    expect(held).toEqual({ archive: true, contents: 3, releases: 0, since: false, gaps: [] });
  });

  it('goes on in the file of the archive that the content was sealed into anew', async () => {
    const next = join(root, 'archive-2.srm');
    const [first] = linesAt(next).map(statementIn);
    const last = statementIn(told.at(-1) ?? '');
    expect(first.predicate.from.archive).toBe(last.predicate.archive);
    expect(last.predicate.to).toMatchObject({
      archive: first.predicate.archive,
      seal: first.predicate.seal,
    });
    expect(await verdict(next)).toBe('accepted');
  });

  it('names nobody, no file and no digest of plaintext', () => {
    const allowed =
      /^([0-9a-f]{64}|[A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{43}=|\d{4}-\d\d-\d\dT[\d:]{8}Z)$/;
    const strings = (value: unknown): string[] => {
      if (typeof value === 'string') return [value];
      return typeof value === 'object' && value !== null
        ? Object.values(value).flatMap(strings)
        : [];
    };
    const said = told.flatMap((line) => strings(statementIn(line).predicate));
    expect(said.filter((each) => !allowed.test(each))).toEqual([]);
    expect(said.length).toBeGreaterThan(50);
    const salts = told.map((line) => statementIn(line).predicate.salt);
    expect(new Set(salts).size).toBe(told.length);
  });

  it('proves a release by the approvals themselves', async () => {
    const evidence = ['archive.req', 'archive.ada.approval', 'archive.bob.approval'];
    const paths = evidence.map((name) => join(root, name));
    const { held } = await verifyCustody(archive, { ...whom, evidence: paths });
    expect(held.releases).toBe(1);
    const strangers = evidence.map((name) => join(root, name.replace('archive', 'other')));
    const without = await verifyCustody(archive, { ...whom, evidence: strangers });
    expect(without.held.releases).toBe(0);
  });

  it('is shown without trust, names only where a card is given', () => {
    const shown = showCustody(archive, [partner.card]);
    expect(shown.story.map(({ by }) => by.name)).toEqual([
      ...[undefined, undefined, 'partner'],
      ...[undefined, undefined, undefined, undefined],
    ]);
  });
});

describe('a custody file is refused', () => {
  it('when any line is edited, wherever', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), async (l, b, x) => {
        const lines = [...told];
        const at = l % lines.length;
        const bytes = Buffer.from(lines[at] ?? '', 'latin1');
        const byte = b % bytes.length;
        bytes[byte] = (bytes[byte] ?? 0) ^ x;
        lines[at] = bytes.toString('latin1');
        const copy = copyWith(lines);
        expect(await verdict(copy)).not.toBe('accepted');
      }),
      { numRuns: 60 },
    );
  });

  it('when lines are dropped, repeated or in another order', async () => {
    const whole = told.map((_, i) => i);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.subarray(whole, { maxLength: whole.length - 1 }),
          fc.shuffledSubarray(whole, { minLength: whole.length }),
          fc.tuple(fc.nat(), fc.nat()).map(([from, to]) => {
            const more = [...whole];
            more.splice(to % (whole.length + 1), 0, from % whole.length);
            return more;
          }),
        ),
        async (order) => {
          // Without an end that tells of no access change: for those there is the log
          const isPrefix = order.every((line, i) => line === i) && order.length >= 6;
          fc.pre(!isPrefix);
          const copy = copyWith(order.map((i) => told[i] ?? ''));
          expect(await verdict(copy)).not.toBe('accepted');
        },
      ),
      { numRuns: 60 },
    );
  });

  it('when its end is cut off before a change of access; after it, an older copy shows', async () => {
    const verdicts: string[] = [];
    for (let lines = 0; lines <= told.length; lines++) {
      verdicts.push(await verdict(copyWith(told.slice(0, lines))));
    }
    expect(verdicts).toEqual([
      'CUSTODY_INVALID',
      ...['CUSTODY_INCOMPLETE', 'CUSTODY_INCOMPLETE', 'CUSTODY_INCOMPLETE', 'CUSTODY_INCOMPLETE'],
      ...['CUSTODY_INCOMPLETE', 'accepted', 'accepted'],
    ]);
    const cut = copyWith(told.slice(0, 6));
    const since = custodyPathOf(archive);
    expect(await verdict(cut, { since })).toBe('CUSTODY_INCOMPLETE');
    expect(await verdict(archive, { since: custodyPathOf(cut) })).toBe('accepted');
  });

  it('with lines of another archive, in any place', async () => {
    const strangers = linesAt(other);
    for (const at of told.keys()) {
      const copy = copyWith(told.with(at, strangers[at] ?? ''));
      expect(await verdict(copy), String(at)).not.toBe('accepted');
      const after = copyWith([...told.slice(0, at), ...strangers.slice(at)]);
      expect(await verdict(after), String(at)).not.toBe('accepted');
    }
    expect(await verdict(copyWith(strangers))).toBe('CUSTODY_MISMATCH');
  });

  it('when an access change was made without telling', async () => {
    const copy = copyWith(told);
    await grant(copy, { ...quiet, add: [stranger.card], identity: custodian, custody: false });
    expect(await verdict(copy)).toBe('CUSTODY_INCOMPLETE');
    // Nor is it passed over by the next one
    const next = () => revoke(copy, { ...quiet, remove: [stranger.card], identity: custodian });
    expect(await outcome(next)).toBe('CUSTODY_INCOMPLETE');
    const { lines } = await recordCustody(copy, { trust, identity: lab });
    expect(lines).toEqual([8]);
    expect(await verdict(copy)).toBe('accepted');
    await next();
    expect(await verdict(copy)).toBe('accepted');
  });

  it('when an older key ring was put back', async () => {
    const copy = copyWith(told);
    const before = readFileSync(copy);
    await grant(copy, { ...quiet, add: [stranger.card], identity: custodian });
    const lines = linesAt(copy);
    const old = copyWith(lines);
    expect(before.equals(readFileSync(old))).toBe(true);
    expect(await verdict(old)).toBe('EPOCH_ROLLBACK');
  });
});

describe('a file that would take more than it is worth', () => {
  /** Lines that follow from each other, signed by nobody. */
  function unsigned(count: number, recipients: number): string[] {
    const [first = '', second = ''] = told;
    const lines: string[] = [];
    let { ring } = statementIn(first).predicate;
    for (let number = 1; number <= count; number++) {
      const statement = statementIn(number === 1 ? first : second);
      const { predicate } = statement;
      predicate.number = number;
      if (number === 1) {
        const ids = Array.from({ length: recipients }, (_, i) => i.toString(16).padStart(64, '0'));
        predicate.recipients = ids;
      } else {
        predicate.previous = base64(sha384(Buffer.from(lines.at(-1) ?? '')));
        predicate.ring = { ...ring, epoch: number, previous: ring.digest };
        predicate.added = [];
        predicate.removed = [];
        ring = predicate.ring;
      }
      const payload = base64(encodeJson(statement));
      const { payloadType } = JSON.parse(first);
      lines.push(Buffer.from(encodeJson({ payload, payloadType, signatures: [] })).toString());
    }
    return lines;
  }

  it('is refused by its recipients, before any signature is looked at', async () => {
    expect(await verdict(copyWith(unsigned(800, 10_000)))).toBe('CUSTODY_UNTRUSTED');
    expect(await verdict(copyWith(unsigned(900, 10_000)))).toBe('CUSTODY_BROKEN');
  });

  it('is refused by its lines', async () => {
    const [line = ''] = unsigned(1, 1);
    const copy = copyWith(Array.from({ length: 2 ** 16 + 1 }, () => line));
    expect(await verdict(copy)).toBe('CUSTODY_INVALID');
  });
});

describe('roles', () => {
  /** The last line anew, signed by someone else. */
  const resigned = (at: number, signer: typeof lab) => {
    const { event, predicate } = parseStatement(Buffer.from(told[at] ?? ''), 'line');
    const { subject } = statementIn(told[at] ?? '');
    const { number, previous, time } = predicate;
    const place = { number, previous, time };
    const { bytes } = createStatement({ event, subject, predicate } as never, place, signer);
    return copyWith([...told.slice(0, at), Buffer.from(bytes).toString()]);
  };

  it.each([
    ['sealed', 0, custodian, 'CUSTODY_UNTRUSTED'],
    ['granted by who has no role', 1, partner, 'CUSTODY_UNTRUSTED'],
    ['opened by a stranger', 2, stranger, 'CUSTODY_UNTRUSTED'],
    ['opened by a custodian who was released nothing', 4, custodian, 'CUSTODY_BROKEN'],
    ['opened without access', 2, cast.ada, 'CUSTODY_BROKEN'],
    ['revoked by the author, who may', 5, lab, 'accepted'],
    ['rekeyed by a custodian', 6, custodian, 'CUSTODY_UNTRUSTED'],
  ] as const)('%s', async (_, at, signer, code) => {
    expect(await verdict(resigned(at, signer))).toBe(code);
  });

  it('says of a wrong signature that the file is to be restored, and not whom to trust', async () => {
    const line = JSON.parse(told.at(-1) ?? '');
    const [{ sig }] = line.signatures;
    line.signatures[0].sig = sig.replace(/^./, (first: string) => (first === 'A' ? 'B' : 'A'));
    const copy = copyWith([...told.slice(0, -1), Buffer.from(encodeJson(line)).toString()]);
    const refused = await verifyCustody(copy, whom).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'CUSTODY_UNTRUSTED',
      hint: 'restore the custody file from a copy',
    });
  });

  it('knows nobody by default', async () => {
    expect(await outcome(() => verifyCustody(archive, { trust }))).toBe('CUSTODY_UNTRUSTED');
    const alone = { entries: [] };
    expect(await outcome(() => verifyCustody(archive, { trust: alone }))).toBe('CUSTODY_UNTRUSTED');
  });
});

describe('writing', () => {
  it('begins by the author alone, for an archive that has no file yet', async () => {
    const path = await sealed(root, 'late');
    rmSync(custodyPathOf(path));
    await grant(path, { ...quiet, add: [partner.card], identity: custodian });
    expect(existsSync(custodyPathOf(path))).toBe(false);
    const by = (identity: typeof lab) => () => recordCustody(path, { trust, identity });
    expect(await outcome(by(custodian))).toBe('CUSTODY_UNTRUSTED');
    expect(await by(lab)()).toMatchObject({ lines: [1] });
    expect(await by(lab)()).toMatchObject({ lines: [] });
    expect(await verdict(path)).toBe('accepted');
  });

  it('names a torn line, lets nothing be told after it, and cuts it off', async () => {
    const copy = copyWith(told);
    const half = (told.at(-1) ?? '').slice(0, 100);
    tear(copy, half);
    const change = () => grant(copy, { ...quiet, add: [stranger.card], identity: custodian });
    expect(await verdict(copy)).toBe('CUSTODY_TORN');
    expect(await outcome(change)).toBe('CUSTODY_TORN');
    const ring = readFileSync(copy);
    expect(ring.equals(readFileSync(archive))).toBe(true);
    expect(await repairCustody(custodyPathOf(copy))).toEqual({
      statements: 7,
      cut: 100,
      completed: false,
    });
    await change();
    expect(await verdict(copy)).toBe('accepted');
  });

  it('completes a line of which only the end is missing', async () => {
    const copy = copyWith(told.slice(0, -1));
    tear(copy, told.at(-1) ?? '');
    expect(await verdict(copy)).toBe('CUSTODY_TORN');
    const { completed, statements } = await repairCustody(custodyPathOf(copy));
    expect({ completed, statements }).toEqual({ completed: true, statements: 7 });
    expect(linesAt(copy)).toEqual(told);
  });

  it('comes one after the other when two change access at once', async () => {
    const path = await sealed(root, 'busy');
    const change = (card: typeof lab.card) =>
      grant(path, { ...quiet, add: [card], identity: custodian, patienceMs: 60_000 });
    await Promise.all([partner, stranger, cast.bob].map(({ card }) => change(card)));
    expect(linesAt(path)).toHaveLength(4);
    expect(await verdict(path)).toBe('accepted');
  });

  it('refuses before it changes anything: a file in the way, one of another archive', async () => {
    const path = await sealed(root, 'taken');
    const lines = linesAt(path);
    writeLines(path, linesAt(other));
    const change = () => grant(path, { ...quiet, add: [partner.card], identity: custodian });
    expect(await outcome(change)).toBe('CUSTODY_MISMATCH');
    writeLines(path, lines);
    expect(await verdict(path)).toBe('accepted');
    const output = join(root, 'in-the-way.srm');
    writeLines(output, lines);
    const options = { ...quiet, output, recipients: [lab.card], quorums: [], identity: lab };
    expect(await outcome(() => rekey(path, options))).toBe('OUTPUT_EXISTS');
    expect(existsSync(output)).toBe(false);
  });
});
