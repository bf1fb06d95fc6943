import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { utf8 } from '#strongroom/bytes.js';
import { scriptedConsole } from '#strongroom/custody/ceremony/console.js';
import { defaultRoutes } from '#strongroom/custody/ceremony/offline.js';
import { decodePlan } from '#strongroom/custody/ceremony/plan.js';
import { fingerprintQuestion, isSame } from '#strongroom/custody/ceremony/spoken.js';
import { codeOf, refusal } from '../../keys/helpers.ts';
import { plan } from './helpers.ts';

const decode = (value: unknown) => decodePlan(utf8(JSON.stringify(value)), 'plan.json');
const group = (change: object) => ({ groups: [{ ...plan.groups[0], ...change }] });

describe('a plan', () => {
  test('names its people in order', () => {
    expect(decode(plan)).toMatchObject({ title: 'Root custody', suite: 'hybrid' });
    expect(decode(plan).people.map(({ name, role }) => `${name} ${role}`)).toEqual([
      'Ada administrator',
      'Wim witness',
      'Lea custodian',
      'Sam custodian',
      'Sue custodian',
    ]);
  });

  test.each([
    ['one person in two roles', { witnesses: [{ name: 'Ada' }] }],
    ['one custodian twice', group({ custodians: ['Lea', 'Lea'] })],
    ['no witness', { witnesses: [] }],
    ['no group', { groups: [] }],
    ['two groups of one name', { groups: [plan.groups[0], { ...plan.groups[1], name: 'legal' }] }],
    ['a threshold out of reach', group({ threshold: 2 })],
    ['a threshold of nobody', group({ threshold: 0 })],
    ['a name with a control character', { administrator: { name: 'A\u0007da' } }],
    ['too many people', group({ custodians: Array.from({ length: 63 }, (_, i) => `C${i}`) })],
    ['an unknown suite', { suite: 'rsa' }],
    ['an unknown member', { skipRecovery: true }],
    ['another version', { version: 2 }],
  ])('with %s is refused', async (_, change) => {
    expect(await codeOf(() => decode({ ...plan, ...change }))).toBe('CEREMONY_PLAN_INVALID');
  });

  test('that is not JSON is refused', async () => {
    expect(await codeOf(() => decodePlan(utf8('plan'), 'p'))).toBe('CEREMONY_PLAN_INVALID');
  });
});

describe('a fingerprint by voice', () => {
  const fingerprint = 'ESD67-MAZ77-2EYJ3-A3BY9-WARDA';

  test('is asked for by two different groups', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 300; i += 1) {
      const { what, shown } = fingerprintQuestion('Wim', 'Ada', fingerprint);
      const [, first, second] = /groups (\d) and (\d) of Ada's/.exec(what) ?? [];
      const groups = fingerprint.split('-');
      expect(shown).toBe(`${groups[Number(first) - 1]} ${groups[Number(second) - 1]}`);
      expect(Number(first)).toBeLessThan(Number(second));
      seen.add(`${first}${second}`);
    }
    expect(seen.size).toBe(10);
  });

  test('counts however it is typed, and not otherwise', () => {
    for (const typed of ['esd67 maz77', 'ESD67MAZ77', ' Esd67-Maz77 ']) {
      expect(isSame(typed, 'ESD67 MAZ77')).toBe(true);
    }
    expect(isSame('io00l', '10001')).toBe(true);
    for (const typed of ['', 'ESD67', 'MAZ77 ESD67', 'ESD67 MAZ78']) {
      expect(isSame(typed, 'ESD67 MAZ77')).toBe(false);
    }
  });
});

describe('the network', () => {
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-net-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const head =
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
  const route = (name: string, rest: string) => `${name}\t${rest}\t0\t0\t0\n`;
  const out = route('eth0', '00000000\t010200C0\t0003\t0\t0\t0\t00000000');
  const local = route('eth0', '000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF');
  const down = route('eth1', '00000000\t010200C0\t0002\t0\t0\t0\t00000000');
  const zero = '0'.repeat(32);
  const six = (name: string, flags: string, prefix = '00') =>
    `${zero} ${prefix} ${zero} 00 ${zero} 00000400 00000001 00000000 ${flags}     ${name}\n`;

  test.each([
    ['none', head, '', []],
    ['a local one', head + local, '', []],
    ['a default one', head + local + out, '', ['eth0']],
    ['one that is down', head + down, '', []],
    ['one of IPv6', head, six('eth0', '00000003'), ['eth0']],
    ['the same twice', head + out, six('eth0', '00000003'), ['eth0']],
    ['those of IPv6 that reject', head, six('lo', '00200200') + six('eth0', '00000201'), []],
    ['a local one of IPv6', head, six('eth0', '00000001', '40'), []],
    ['one to 0.0.0.0/8', head + route('eth0', '00000000\t0\t0003\t0\t0\t0\t000000FF'), '', []],
    [
      'one to a host, without a mask',
      head + route('eth0', '0100000A\t0\t0003\t0\t0\t0\t00000000'),
      '',
      [],
    ],
    ['one of IPv6 to a host, of no prefix', head, six('eth0', '00000003').replace('0', '2'), []],
    ['those of IPv6 of the machine itself', head, six('lo', '00000003'), []],
  ])('has routes: %s', (_, ipv4, ipv6, expected) => {
    writeFileSync(join(directory, 'route'), ipv4);
    writeFileSync(join(directory, 'ipv6_route'), ipv6);
    expect(defaultRoutes(directory)).toEqual(expected);
  });

  test('has those of IPv4 alone where there is no IPv6', () => {
    const without = mkdtempSync(join(directory, 'four-'));
    writeFileSync(join(without, 'route'), head + out);
    expect(defaultRoutes(without)).toEqual(['eth0']);
  });

  test('is not known where the system does not tell', () => {
    expect(defaultRoutes(join(directory, 'none'))).toBeUndefined();
  });
});

describe('the script of a rehearsal', () => {
  test('answers in order, as shown where it says so, and then no more', async () => {
    const said: string[] = [];
    const console = scriptedConsole(['$shown', 'pass', '$shown', 'wrong'], (line) =>
      said.push(line),
    );
    expect(await console.ask({ who: 'Ada', what: 'groups', shown: 'ABCDE 12345' })).toBe(
      'ABCDE 12345',
    );
    const secret = await console.passphrase({ who: 'Ada', what: 'passphrase' }, true);
    expect(Buffer.from(secret).toString()).toBe('pass');
    // Where nothing is shown it is a word like any other
    expect(await console.ask({ who: 'Ada', what: 'x' })).toBe('$shown');
    // What a script gets wrong stays wrong
    expect(await console.ask({ who: 'Ada', what: 'y', shown: 'z' })).toBe('wrong');
    const error = await refusal(() => console.ask({ who: 'Wim', what: 'more' }));
    expect(error.message).toBe('the answers end before "Wim: more"');
    expect(said).toEqual(['Ada: groups', 'Ada: passphrase', 'Ada: x', 'Ada: y']);
  });
});
