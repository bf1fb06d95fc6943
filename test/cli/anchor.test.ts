/** Identities behind a program, as the command uses them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { program, sample } from '../keys/anchor/program.ts';
import { expectRefusal, scratch, shell, strongroom } from './helpers.ts';

const cwd = scratch();

/** The commands of a page that name a kind of anchor. */
const commandsIn = (page: string, kind: string): string[] =>
  readFileSync(page, 'utf8')
    .split('\n')
    .filter((line) => /^strongroom /.test(line) && line.includes(`--anchor ${kind}`));
const run = (...args: string[]) => strongroom(args, { cwd });
const anchor = ['--anchor', 'exec:./kms.cjs'];

beforeAll(async () => {
  program(cwd, 'kms', sample());
  program(cwd, 'other', sample('22'.repeat(32)));
  const made = await run('keygen', '-n', 'Vault', '-o', 'v.key', ...anchor);
  expect(made.status, made.stderr).toBe(0);
  writeFileSync(join(cwd, 'weights'), 'w'.repeat(1000));
  const sealing = ['seal', 'weights', '-o', 'w.srm', '-r', 'v.key.card', '--sign', 'v.key'];
  const sealed = await run(...sealing, ...anchor);
  expect(sealed.status, sealed.stderr).toBe(0);
});

const opening = ['open', 'w.srm', '-i', 'v.key', '--signer', 'v.key.card', '-o'];

it('opens what was sealed for it', async () => {
  expect(await run(...opening, 'out', ...anchor)).toMatchObject({ status: 0 });
  const same = await shell('cmp weights out/weights', { cwd });
  expect(same.status).toBe(0);
});

it('refuses without the program, with another one, and with none that is known', async () => {
  expectRefusal(
    await run(...opening, 'no'),
    2,
    /kept by the program kms.cjs\nhint: name it, if you trust it: --anchor exec:/,
  );
  const other = ['--anchor', 'exec:./other.cjs'];
  expectRefusal(await run(...opening, 'no', ...other), 4, /the program refused/);
  expectRefusal(await run(...opening, 'no', '--anchor', 'exec:./none'), 1, /is not there/);
  expectRefusal(await run(...opening, 'no', '--anchor', 'tpm:0'), 2, /of an unknown kind/);
  expectRefusal(await run(...opening, 'no', '--anchor', 'exec:'), 2, /names no program/);
  const pin = ['--anchor', 'pkcs11:?module-path=/m.so&pin-value=1234'];
  const refused = await run(...opening, 'no', ...pin);
  expectRefusal(refused, 2, /a PIN does not belong into it/);
  expect(refused.stderr).not.toContain('1234');
});

it('does not go with --plain or a passphrase', async () => {
  const both = await run('keygen', '-n', 'x', '-o', 'x.key', '--plain', ...anchor);
  expectRefusal(both, 2, /--plain and --anchor do not go together/);
  const pass = ['--passphrase-file', 'weights'];
  const three = await run('keygen', '-n', 'x', '-o', 'x.key', ...pass, ...anchor);
  expectRefusal(three, 2, /--anchor exec: and a passphrase do not go together/);
});

it('takes the script of docs/anchors.md, whatever a name looks like', async () => {
  const script = /```sh\n(#!\/bin\/sh\n[\s\S]*?)```/.exec(
    readFileSync('docs/anchors.md', 'utf8'),
  )?.[1];
  writeFileSync(join(cwd, 'kms.sh'), script ?? '', { mode: 0o755 });
  // A key service of one line: it turns bits over, by operation and context
  const service = `#!${process.execPath}
const [operation, , , , context] = process.argv.slice(2);
if (!/^(en|de)crypt$/.test(operation) || !/^[0-9A-Z-]{29}$/.test(context)) process.exit(1);
process.stdout.write(require('node:fs').readFileSync(0).map((byte) => byte ^ 0x5a));
`;
  writeFileSync(join(cwd, 'key-service'), service, { mode: 0o755 });
  const env = { PATH: `${cwd}:${process.env.PATH}` };
  const name = 'Ev"il","operation":"wrap","fingerprint":"';
  const exec = ['--anchor', 'exec:./kms.sh'];
  const made = await strongroom(['keygen', '-n', name, '-o', 's.key', ...exec], { cwd, env });
  expect(made.status, made.stderr).toBe(0);
  // The commands of the page, word for word: what is sealed in between is not its matter
  const [keygen = '', open = ''] = commandsIn('docs/anchors.md', 'exec:');
  const own = (command: string) => command.replace('strongroom', '"$node" "$strongroom"');
  const between = `${own('strongroom')} keygen -n author --plain -o author
    mkdir w && echo hello > w/a
    ${own('strongroom')} seal w -o weights.srm -r lab.key.card --sign author`;
  await shell('rm weights', { cwd });
  for (const line of [own(keygen), between, own(open), 'cmp w/a weights/a']) {
    const told = await shell(line, { cwd, env });
    expect(told.status, `${line}\n${told.stderr}`).toBe(0);
  }
  const read = ['card', 'export', 's.key', '--private', '-o', 's.pem', ...exec];
  expect(await strongroom(read, { cwd, env })).toMatchObject({ status: 0 });
});
