/** Archives on servers that want to know who asks, as a shell sees them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Served, serveRanges } from '../support/ranges.ts';
import { expectRefusal, opening, scratch, sealing, strongroom, world } from './helpers.ts';

const cwd = scratch();
const secret = 's3cr3t-of-the-server';

beforeAll(async () => {
  await world(cwd);
  const { status, stderr } = await strongroom(['seal', 'w', '-o', 'w.srm', ...sealing], { cwd });
  expect(status, stderr).toBe(0);
  writeFileSync(join(cwd, 'token'), `${secret}\n`);
});

/** A server that sends nothing without the token. */
async function guarded(): Promise<Served> {
  const server = await serveRanges(new Uint8Array(readFileSync(join(cwd, 'w.srm'))));
  server.fault = () => (response, _, request) => {
    if (request.headers.authorization === `Bearer ${secret}`) return false;
    response.writeHead(401).end();
    return true;
  };
  return server;
}

const run = async (...args: string[]) => {
  const done = await strongroom(args, { cwd, env: { TOKEN: secret } });
  expect(done.stdout.toString() + done.stderr).not.toContain(secret);
  return done;
};

describe('--http-header', () => {
  it('is asked for where a server wants to know', async () => {
    const { url } = await guarded();
    const refused = await run('verify', url, '--signer', 'lab.key.card');
    expectRefusal(refused, 1, /wants to know who asks\nhint: .*--http-header/);
  });

  it.each(['Authorization: Bearer {env:TOKEN}', 'authorization:Bearer {file:token}'])(
    'shows what %s names, to every command',
    async (header) => {
      const { url } = await guarded();
      const shown = ['--http-header', header];
      for (const command of [
        ['verify', url, '--signer', 'lab.key.card'],
        ['inspect', url],
        ['ls', url, ...opening],
        ['cat', url, 'a.txt', ...opening],
        ['bom', url, '--signer', 'lab.key.card'],
        ['run', `${url}`, '--serve', '-q', ...opening, '--http-header', header, '--', 'true'],
      ]) {
        const [name] = command;
        const done = await run(...command, ...(name === 'run' ? [] : shown));
        expect(done.status, `${name}: ${done.stderr}`).toBe(0);
      }
    },
  );

  it('holds no secret itself', async () => {
    const { url } = await guarded();
    for (const header of [
      `Authorization: Bearer ${secret}`,
      secret,
      '{env:TOKEN}: x',
      ': {env:X}',
    ]) {
      const args = ['verify', url, '--signer', 'lab.key.card', '--http-header', header];
      expectRefusal(await run(...args), 2, /from the environment or a file/);
    }
  });

  it.each([
    [['http://store.example/w.srm'], 'A: {env:TOKEN}', 2, /read on the network/],
    [['https://store.example/w.srm'], 'A: {env:NONE}', 2, /NONE is not in the environment/],
    [['https://store.example/w.srm'], 'A: {file:none}', 1, /none: no such file/],
    [['https://store.example/w.srm'], 'Range: {env:TOKEN}', 2, /says nothing of who asks/],
    [['w.srm'], 'A: {env:TOKEN}', 2, /no archive is at an address/],
  ] as const)('is refused for %s with %s', async (archives, header, status, words) => {
    const args = ['inspect', ...archives, '--http-header', header];
    expectRefusal(await run(...args), status, words);
  });
});
