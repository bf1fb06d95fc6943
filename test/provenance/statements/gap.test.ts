/** Changes of access that nobody can tell any more, and times that are yet to come. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { custodyPathOf, grant, recordCustody, revoke, verifyCustody } from '#strongroom/index.js';
import { createStatement, parseStatement } from '#strongroom/provenance/statements/statement.js';
import schema from '../../../docs/schemas/custody.v1.json' with { type: 'json' };
import { outcome, sharedWorkspace } from '../../support/archive.ts';
import { cast, linesAt, sealed, statementIn, trust, verdict, whom, writeLines } from './helpers.ts';

const root = sharedWorkspace();
const { lab, custodian, partner, stranger } = cast;
const quiet = { trust, epochMemory: 'off', custody: false } as const;
let archive: string;
let copies = 0;

/** Access was granted and withdrawn, and neither was told. */
beforeAll(async () => {
  archive = await sealed(root);
  await grant(archive, { ...quiet, add: [stranger.card], identity: custodian });
  await revoke(archive, { ...quiet, remove: [stranger.card], identity: custodian });
  await grant(archive, { ...quiet, add: [partner.card], identity: custodian });
}, 300_000);

function copied(): string {
  const copy = join(root, `copy-${copies++}.srm`);
  copyFileSync(archive, copy);
  copyFileSync(custodyPathOf(archive), custodyPathOf(copy));
  return copy;
}

const record = (path: string, more = {}) =>
  recordCustody(path, { trust, identity: custodian, ...more });

/** A line anew with other things in it, signed by whoever should. */
function forged(line: string, change: object, place: object, signer = custodian): string {
  const { event, predicate } = parseStatement(Buffer.from(line), 'line');
  const { subject } = statementIn(line);
  const { number, previous, time } = predicate;
  const stated = { event, subject, predicate: { ...predicate, ...change } } as never;
  const { bytes } = createStatement(stated, { number, previous, time, ...place }, signer);
  return Buffer.from(bytes).toString();
}

describe('several changes that were not told', () => {
  it('are recorded as not known only if that is said', async () => {
    const copy = copied();
    expect(await outcome(() => record(copy))).toBe('CUSTODY_INCOMPLETE');
    expect(linesAt(copy)).toHaveLength(1);
    expect(await record(copy, { gap: true })).toMatchObject({ lines: [2] });
    // Nothing is missing now
    expect(await record(copy, { gap: true })).toMatchObject({ lines: [] });
  });

  it('show for good, and are accepted only if that is said', async () => {
    const copy = copied();
    await record(copy, { gap: true });
    await grant(copy, { trust, epochMemory: 'off', add: [stranger.card], identity: custodian });
    expect(await verdict(copy)).toBe('CUSTODY_INCOMPLETE');
    const { story, held } = await verifyCustody(copy, { ...whom, acceptGaps: true });
    expect(held.gaps).toEqual([{ line: 2, from: 2, to: 4 }]);
    expect(story.map(({ event }) => event)).toEqual(['sealed', 'gap', 'granted']);
    expect(story[1]).toMatchObject({ unknownFrom: 2, epoch: 4, quorums: 1 });
    expect(story[1]?.added?.map(({ name }) => name).sort()).toEqual([
      'custodian',
      'lab',
      'partner',
    ]);
  });

  it('are told by the author or a custodian alone', async () => {
    const copy = copied();
    await record(copy, { gap: true, identity: stranger });
    expect(await verdict(copy, { acceptGaps: true })).toBe('CUSTODY_UNTRUSTED');
  });

  it('are one change where one is missing, and none where none is', async () => {
    const path = await sealed(root, 'one');
    await grant(path, { ...quiet, add: [partner.card], identity: custodian });
    await record(path, { gap: true });
    expect(linesAt(path).map((line) => statementIn(line).predicateType)).toEqual([
      'urn:strongroom:custody-sealed:v1',
      'urn:strongroom:custody-access:v1',
    ]);
    expect(await verdict(path)).toBe('accepted');
  });

  it('are not told where there is no gap, nor backwards', async () => {
    const copy = copied();
    const sealing = statementIn(linesAt(copy)[0] ?? '').predicate;
    await record(copy, { gap: true });
    const [first = '', gap = ''] = linesAt(copy);
    const { ring } = statementIn(gap).predicate;
    const verdictOf = (stated: object) => {
      writeLines(copy, [first, forged(gap, { ring: { ...ring, ...stated } }, {})]);
      return verdict(copy, { acceptGaps: true });
    };
    expect(await verdictOf({})).toBe('accepted');
    expect(await verdictOf({ epoch: 2, previous: sealing.ring.digest })).toBe('CUSTODY_BROKEN');
    expect(await verdictOf({ epoch: 1 })).toBe('CUSTODY_BROKEN');
    // Another ring than the one in force
    expect(await verdictOf({ epoch: 3 })).toBe('CUSTODY_INCOMPLETE');
    expect(await verdictOf({ digest: ring.previous })).toBe('CUSTODY_INCOMPLETE');
  });

  it('are as the schema has them', async () => {
    const copy = copied();
    await record(copy, { gap: true });
    const fits = new Ajv2020({ strict: true, strictRequired: false }).compile(schema);
    const statement = statementIn(linesAt(copy)[1] ?? '');
    expect(fits(statement), JSON.stringify(fits.errors)).toBe(true);
    for (const member of Object.keys(statement.predicate)) {
      const { [member]: _, ...predicate } = statement.predicate;
      // Only the first line of a file is without
      if (member !== 'previous') expect(fits({ ...statement, predicate }), member).toBe(false);
    }
  });
});

describe('a time that is yet to come', () => {
  it('is refused, before anything follows it', async () => {
    const path = await sealed(root, 'ahead');
    const [first = ''] = linesAt(path);
    const at = (ms: number) => `${new Date(Date.now() + ms).toISOString().slice(0, 19)}Z`;
    const hour = 3_600_000;
    writeLines(path, [forged(first, {}, { time: at(hour) }, lab)]);
    expect(await verdict(path)).toBe('accepted');
    for (const time of [at(48 * hour), '9999-12-31T23:59:59Z']) {
      writeLines(path, [forged(first, {}, { time }, lab)]);
      expect(await verdict(path)).toBe('CUSTODY_BROKEN');
      const change = () =>
        grant(path, { trust, epochMemory: 'off', add: [partner.card], identity: custodian });
      expect(await outcome(change)).toBe('CUSTODY_BROKEN');
      expect(linesAt(path)).toHaveLength(1);
    }
  });
});
