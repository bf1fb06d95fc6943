/**
 * Identities in a token: SoftHSM 2, through the optional package pkcs11js. Skipped where either
 * is missing, unless STRONGROOM_PKCS11=1 says that both must be there.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hex, isZero, text, utf8 } from '#strongroom/bytes.js';
import { encodeJson } from '#strongroom/json.js';
import { pkcs11Anchor } from '#strongroom/keys/anchor/pkcs11/anchor.js';
import {
  createIdentity,
  decodeIdentity,
  encodeIdentity,
  type Identity,
  identityProtection,
} from '#strongroom/keys/identity.js';
import { shell, strongroom } from '../../cli/helpers.ts';
import { codeOf, refusal, suiteNames } from '../helpers.ts';

const modulePath = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
].find(existsSync);
// By a name that is not resolved before it is needed
const packageName = 'pkcs11js';
const require = createRequire(import.meta.url);
const library = (() => {
  try {
    return require(packageName);
  } catch {
    return undefined;
  }
})();
const isThere = modulePath !== undefined && library !== undefined;
const isWanted = process.env.STRONGROOM_PKCS11 === '1';

test.runIf(isWanted)('SoftHSM 2 and pkcs11js are there', () => {
  expect({ modulePath, library: library !== undefined }).toEqual({
    modulePath: expect.any(String),
    library: true,
  });
});

describe.skipIf(!isThere)('identities in a token (needs SoftHSM 2 and pkcs11js)', () => {
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-token-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const pin = '24681357';
  const address = { modulePath: modulePath as string, token: 'lab' };
  const anchorOf = (more: object = {}, typed = pin) =>
    pkcs11Anchor({ address: { ...address, ...more }, pin: async () => utf8(typed) });
  const keep = async (identity: Identity, more: object = {}) =>
    encodeIdentity(identity, await anchorOf(more).prepare(identity.card));
  const openWith = (file: Uint8Array, more: object = {}, typed = pin) =>
    decodeIdentity(file, undefined, [anchorOf(more, typed)]);
  const addToken = (label: string) =>
    execFileSync('softhsm2-util', [
      ...['--init-token', '--free', '--label', label],
      ...['--so-pin', '87654321', '--pin', pin],
    ]);

  beforeAll(() => {
    mkdirSync(join(directory, 'tokens'));
    const conf = join(directory, 'softhsm2.conf');
    writeFileSync(conf, `directories.tokendir = ${join(directory, 'tokens')}\n`);
    process.env.SOFTHSM2_CONF = conf;
    addToken('lab');
    addToken('other');
  });

  describe.each(suiteNames)('of suite %s', (suite) => {
    test('are read as they were written', async () => {
      const ada = createIdentity({ name: 'Ada', suite });
      const file = await keep(ada);
      const again = await openWith(file);
      expect([again.kemSeed, ...again.signingSeeds]).toEqual([ada.kemSeed, ...ada.signingSeeds]);
      expect(identityProtection(file)).toMatchObject({ anchor: 'pkcs11', token: 'lab' });
      for (const seed of [ada.kemSeed, ...ada.signingSeeds]) {
        expect(text(file)).not.toContain(hex(seed));
      }
      // The file names the token; a module is all that must be given
      expect((await openWith(file, { token: undefined })).kemSeed).toEqual(ada.kemSeed);
    });
  });

  test('have a key each that does not leave the token', async () => {
    const [a, b] = [
      await keep(createIdentity({ name: 'A' })),
      await keep(createIdentity({ name: 'B' })),
    ];
    expect(identityProtection(a)).not.toEqual(identityProtection(b));
    const pkcs11 = new library.PKCS11();
    pkcs11.load(modulePath);
    pkcs11.C_Initialize();
    try {
      const slot = pkcs11
        .C_GetSlotList(true)
        .find((each: Buffer) => pkcs11.C_GetTokenInfo(each).label.trim() === 'lab');
      const session = pkcs11.C_OpenSession(slot, library.CKF_SERIAL_SESSION);
      pkcs11.C_Login(session, library.CKU_USER, pin);
      pkcs11.C_FindObjectsInit(session, [
        { type: library.CKA_CLASS, value: library.CKO_SECRET_KEY },
      ]);
      const keys = pkcs11.C_FindObjects(session, 100);
      pkcs11.C_FindObjectsFinal(session);
      expect(keys.length).toBeGreaterThanOrEqual(2);
      for (const key of keys) {
        const flags = ['CKA_NEVER_EXTRACTABLE', 'CKA_ALWAYS_SENSITIVE', 'CKA_EXTRACTABLE'];
        const found = pkcs11.C_GetAttributeValue(
          session,
          key,
          flags.map((name) => ({ type: library[name] })),
        );
        expect(found.map(({ value }: { value: Buffer }) => value[0])).toEqual([1, 1, 0]);
        expect(() =>
          pkcs11.C_GetAttributeValue(session, key, [{ type: library.CKA_VALUE }]),
        ).toThrow();
      }
    } finally {
      pkcs11.C_Finalize();
      pkcs11.close();
    }
  });

  test('can share a key that is there, found by id or label', async () => {
    const first = createIdentity({ name: 'Shared' });
    const protection = identityProtection(await keep(first));
    const id = 'anchor' in protection && protection.anchor === 'pkcs11' ? protection.key : '';
    const second = createIdentity({ name: 'Second' });
    for (const more of [{ id }, { object: 'strongroom Shared' }]) {
      const file = await keep(second, more);
      expect(identityProtection(file)).toEqual(protection);
      expect((await openWith(file)).kemSeed).toEqual(second.kemSeed);
    }
    expect(await codeOf(() => keep(second, { object: 'none' }))).toBe('ANCHOR_REFUSED');
  });

  test('never use a key whose value was known outside', async () => {
    const pkcs11 = new library.PKCS11();
    pkcs11.load(modulePath);
    pkcs11.C_Initialize();
    const slot = pkcs11
      .C_GetSlotList(true)
      .find((each: Buffer) => pkcs11.C_GetTokenInfo(each).label.trim() === 'other');
    const session = pkcs11.C_OpenSession(slot, library.CKF_SERIAL_SESSION | library.CKF_RW_SESSION);
    pkcs11.C_Login(session, library.CKU_USER, pin);
    pkcs11.C_CreateObject(session, [
      { type: library.CKA_CLASS, value: library.CKO_SECRET_KEY },
      { type: library.CKA_KEY_TYPE, value: library.CKK_AES },
      { type: library.CKA_TOKEN, value: true },
      { type: library.CKA_VALUE, value: Buffer.alloc(32, 1) },
      { type: library.CKA_ENCRYPT, value: true },
      { type: library.CKA_DECRYPT, value: true },
      { type: library.CKA_LABEL, value: 'imported' },
      { type: library.CKA_ID, value: Buffer.from('imported') },
    ]);
    const made = {
      extractable: [true, true, 32],
      readable: [false, false, 32],
      short: [true, false, 16],
    };
    for (const [label, [sensitive, extractable, bytes]] of Object.entries(made)) {
      pkcs11.C_GenerateKey(session, { mechanism: library.CKM_AES_KEY_GEN }, [
        { type: library.CKA_TOKEN, value: true },
        { type: library.CKA_VALUE_LEN, value: bytes },
        { type: library.CKA_SENSITIVE, value: sensitive },
        { type: library.CKA_EXTRACTABLE, value: extractable },
        { type: library.CKA_LABEL, value: label },
        { type: library.CKA_ID, value: Buffer.from(label) },
      ]);
    }
    pkcs11.C_Finalize();
    pkcs11.close();
    for (const object of ['imported', ...Object.keys(made)]) {
      const use = () => keep(createIdentity({ name: 'Ada' }), { token: 'other', object });
      expect((await refusal(use)).message, object).toMatch(/never left it/);
    }
  });

  test('are bound to their first line and their key', async () => {
    const [ada, eve] = [createIdentity({ name: 'Ada' }), createIdentity({ name: 'Eve' })];
    const [file, other] = [await keep(ada), await keep(eve)];
    const lines = (bytes: Uint8Array) => text(bytes).split('\n');
    const rewritten = (change: (header: Record<string, object>) => object, line = lines(file)[1]) =>
      utf8(`${text(encodeJson(change(JSON.parse(lines(file)[0] ?? ''))))}\n${line}\n`);
    const swaps = [
      rewritten((header) => ({ ...header, card: eve.card.document })),
      rewritten((header) => header, lines(other)[1]),
      rewritten((header) => ({ ...header, protection: identityProtection(other) })),
      rewritten(
        (header) => header,
        lines(file)[1]?.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')),
      ),
      rewritten((header) => ({ ...header, protection: { ...header.protection, key: '00' } })),
    ];
    for (const swapped of swaps)
      expect(await codeOf(() => openWith(swapped))).toBe('ANCHOR_REFUSED');
    for (const change of [{ key: '' }, { key: 'A0' }, { token: '' }, { module: '/evil.so' }]) {
      const broken = rewritten((header) => ({
        ...header,
        protection: { ...header.protection, ...change },
      }));
      expect(await codeOf(() => openWith(broken))).toBe('IDENTITY_INVALID');
    }
  });

  test('say what is missing', async () => {
    const ada = createIdentity({ name: 'Ada' });
    const file = await keep(ada);
    const wrong = await refusal(() => openWith(file, {}, '0000'));
    expect(wrong).toMatchObject({ code: 'PASSPHRASE_WRONG', message: 'the PIN is wrong' });
    expect(await codeOf(() => openWith(file, { token: 'other' }))).toBe('ANCHOR_REFUSED');
    expect(await codeOf(() => openWith(file, { token: 'none' }))).toBe('ANCHOR_UNAVAILABLE');
    expect((await refusal(() => openWith(file, { token: 'none' }))).hint).toMatch(/token=lab;/);
    expect(await codeOf(() => openWith(file, { modulePath: '/nowhere.so' }))).toBe(
      'ANCHOR_UNAVAILABLE',
    );
    expect((await refusal(() => decodeIdentity(file))).code).toBe('ANCHOR_NEEDED');
    // One that is not named, where several are there
    const several = await refusal(() => keep(ada, { token: undefined }));
    expect(several.message).toMatch(/several tokens fit/);
  });

  test('have their PIN wiped', async () => {
    const given = utf8(pin);
    const file = await keep(createIdentity({ name: 'Ada' }));
    const anchor = pkcs11Anchor({ address, pin: async () => given });
    await decodeIdentity(file, undefined, [anchor]);
    expect(isZero(given)).toBe(true);
  });

  test('work in the command', async () => {
    const run = (...args: string[]) => strongroom(args, { cwd: directory });
    writeFileSync(join(directory, 'pin'), `${pin}\n`);
    writeFileSync(join(directory, 'weights'), 'w'.repeat(1000));
    const uri = `pkcs11:token=lab?module-path=${modulePath}`;
    const token = ['--anchor', uri, '--passphrase-file', 'pin'];
    const made = await run('keygen', '-n', 'Vault', '-o', 'v.key', ...token);
    expect(made.status, made.stderr).toBe(0);
    const sealed = ['seal', 'weights', '-o', 'w.srm', '-r', 'v.key.card', '--sign', 'v.key'];
    expect(await run(...sealed, ...token)).toMatchObject({ status: 0 });
    const opened = ['open', 'w.srm', '-o', 'out', '-i', 'v.key', '--signer', 'v.key.card'];
    expect(await run(...opened, ...token)).toMatchObject({ status: 0 });
    const without = await run(...opened.map((word) => (word === 'out' ? 'no' : word)));
    expect(without).toMatchObject({ status: 2 });
    expect(without.stderr).toMatch(/kept by the token lab\nhint: name its module: --anchor/);
  });

  test('work as docs/anchors.md tells it', async () => {
    const cwd = mkdtempSync(join(directory, 'told-'));
    const told = readFileSync('docs/anchors.md', 'utf8')
      .split('\n')
      .filter((line) => /^strongroom .*pkcs11:/.test(line));
    // The PIN is typed there, and the module lies where this machine has it
    const run = (line: string) =>
      shell(`strongroom() { "$node" "$strongroom" "$@"; }\n${line}`, { cwd });
    const typed = (line = '') =>
      `${line.replace('/usr/lib/softhsm/libsofthsm2.so', modulePath as string)} --passphrase-file pin`;
    writeFileSync(join(cwd, 'pin'), `${pin}\n`);
    const [keygen, open] = told;
    const prepare = `strongroom keygen -n author --plain -o author
      mkdir w && echo hello > w/a
      strongroom seal w -o weights.srm -r lab.key.card --sign author`;
    for (const line of [typed(keygen), prepare, typed(open)]) {
      const { status, stderr } = await run(line);
      expect(status, `${line}\n${stderr}`).toBe(0);
    }
    expect(readFileSync(join(cwd, 'weights', 'a'), 'utf8')).toBe('hello\n');
  });
});
