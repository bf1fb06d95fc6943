/** From archive to running model: tensors, run and serve, as a shell sees them. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { safetensors } from '../support/models.ts';
import { expectRefusal, opening, scratch, sealing, shell, strongroom, world } from './helpers.ts';

const cwd = scratch();
const path = (name: string) => join(cwd, name);

beforeAll(async () => {
  await world(cwd);
  writeFileSync(path('w/1.safetensors'), safetensors({ 'layers.0.w': [1, 2, 3] }));
  writeFileSync(path('w/2.safetensors'), safetensors({ 'layers.1.w': [4], head: [5, 6] }));
  const { status, stderr } = await strongroom(['seal', 'w', '-o', 'w.srm', ...sealing], { cwd });
  expect(status, stderr).toBe(0);
  mkdirSync(path('private'));
});

const run = (...args: string[]) => strongroom(args, { cwd });

describe('tensors', () => {
  it('are listed', async () => {
    const { stdout } = await run('ls', 'w.srm', '--tensors', ...opening);
    expect(stdout.toString()).toBe(
      '1.safetensors  layers.0.w  F32  [3]  12\n' +
        '2.safetensors  layers.1.w  F32  [1]  4\n' +
        '2.safetensors  head        F32  [2]  8\n',
    );
    const { tensors } = JSON.parse(
      (await run('ls', 'w.srm', '--tensors', '--json', ...opening)).stdout.toString(),
    );
    expect(tensors[2]).toMatchObject({
      file: '2.safetensors',
      name: 'head',
      dtype: 'F32',
      shape: [2],
      bytes: 8,
    });
  });

  it('come out alone', async () => {
    const { stdout, stderr } = await run('cat', 'w.srm', '--tensor', 'head', ...opening);
    expect(stderr).toBe('');
    expect(stdout).toEqual(Buffer.from(Float32Array.of(5, 6).buffer));
    const named = await run('cat', 'w.srm', '2.safetensors', '--tensor', 'head', ...opening);
    expect(named.stdout).toEqual(stdout);
    expectRefusal(
      await run('cat', 'w.srm', '--tensor', 'none', ...opening),
      1,
      /no tensor none.*\nhint: list the tensors/,
    );
    expectRefusal(await run('cat', 'w.srm', ...opening), 2, /no file is named/);
  });

  it('choose the files that are opened', async () => {
    const { status, stderr } = await run(
      'open',
      'w.srm',
      '-o',
      'some',
      '--tensors',
      '*.0.*',
      '--only',
      'sub',
      ...opening,
    );
    expect(status, stderr).toBe(0);
    expect(readdirSync(path('some')).sort()).toEqual(['1.safetensors', 'sub']);
    expect(readFileSync(path('some/1.safetensors'))).toEqual(readFileSync(path('w/1.safetensors')));
    expectRefusal(
      await run('open', 'w.srm', '-o', 'no', '--tensors', 'x*', ...opening),
      1,
      /no tensor in the archive matches x\*/,
    );
    expectRefusal(
      await run('open', 'w.srm', '--stdout', '--tensors', 'head', ...opening),
      2,
      /--tensors do not go with it/,
    );
    const piped = await strongroom(['open', '-', '-o', 'no', '--tensors', 'head', ...opening], {
      cwd,
      input: readFileSync(path('w.srm')),
    });
    expectRefusal(piped, 2, /tensors cannot be looked for in a pipe/);
    expect(existsSync(path('no'))).toBe(false);
  });
});

const isMemory = (at: string) =>
  process.platform === 'linux' && [0x01021994, 0x858458f6].includes(statfsSync(at).type);

describe.runIf(process.platform === 'linux')('where plaintext goes', () => {
  const onDisk = /warning: .*: the plaintext is on a disk.*\nhint: open it below/;

  it.runIf(existsSync('/dev/shm') && isMemory('/dev/shm'))('is told of memory', async () => {
    const at = execFileSync('mktemp', ['-d', '-p', '/dev/shm', 'strongroom-test-XXXXXX'])
      .toString()
      .trim();
    try {
      const opened = await run('open', 'w.srm', '-o', join(at, 'm'), ...opening);
      expect(opened.stderr).toMatch(/is in memory, and no disk holds it/);
      expect(opened.stderr).not.toMatch(/warning/);
    } finally {
      execFileSync('rm', ['-r', at]);
    }
  });

  it.skipIf(isMemory(cwd))('is warned of on a disk, once, and not with --quiet', async () => {
    const opened = await run('open', 'w.srm', '-o', 'd1', ...opening);
    expect(opened.stderr).toMatch(onDisk);
    expect(opened.stderr.match(/warning/g)).toHaveLength(1);
    const quiet = await run('open', 'w.srm', '-o', 'd2', '-q', ...opening);
    expect(quiet.stderr).toBe('');
    const json = await run('open', 'w.srm', '-o', 'd3', '--json', ...opening);
    expect(JSON.parse(json.stdout.toString())).toMatchObject({ storage: 'disk' });
  });
});

const within = ['--dir', 'private', '-q'];

describe.skipIf(process.platform === 'win32')('run', () => {
  const left = () => readdirSync(path('private'));

  it('gives the model to a program, and its status back', async () => {
    const script =
      'stat -c %a "$(dirname "$STRONGROOM_MODEL")"; cat "$STRONGROOM_MODEL/a.txt"; exit 7';
    const { status, stdout, stderr } = await run(
      'run',
      'w.srm',
      ...within,
      ...opening,
      '--',
      'sh',
      '-c',
      script,
    );
    expect([status, stdout.toString(), stderr]).toEqual([7, '700\nhello\n', '']);
    expect(left()).toEqual([]);
  });

  it('names the variable as it is told, and opens what is asked for', async () => {
    const args = [
      'run',
      'w.srm',
      ...within,
      '--env',
      'M',
      '--only',
      '*.txt',
      ...opening,
      '--',
      'sh',
      '-c',
      'ls "$M"',
    ];
    const { stdout } = await run(...args);
    expect(stdout.toString()).toBe('a.txt\n');
    expectRefusal(
      await run('run', 'w.srm', '--env', 'A=B', ...opening, '--', 'true'),
      2,
      /no name of a variable/,
    );
    expectRefusal(
      await run('run', 'w.srm', ...within, ...opening, '--', './none'),
      1,
      /none: no such file/,
    );
    expect(left()).toEqual([]);
  });

  const during =
    (signal: NodeJS.Signals, again = 0) =>
    async (child: ChildProcess) => {
      while (!existsSync(path('ready'))) await sleep(20);
      child.kill(signal);
      for (let i = 0; i < again; i++) {
        await sleep(50);
        child.kill(signal);
      }
    };
  const script = (body: string) => ['run', 'w.srm', ...within, ...opening, '--', 'sh', '-c', body];

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'hands %s on, and removes the model',
    async (signal) => {
      execFileSync('rm', ['-f', path('ready')]);
      const name = signal.slice(3);
      const body = `trap 'sleep 1; echo got; exit 9' ${name}; : > ready; while :; do sleep 0.05; done`;
      const { status, stdout } = await strongroom(script(body), { cwd, during: during(signal, 2) });
      expect([status, stdout.toString()]).toEqual([9, 'got\n']);
      expect(left()).toEqual([]);
    },
  );

  it('ends as a program that a signal ends', async () => {
    const { status } = await run(...script('kill -TERM $$'));
    expect(status).toBe(143);
    expect(left()).toEqual([]);
  });

  it.runIf(process.platform === 'linux')(
    'sweeps away what one that was killed has left, and no more',
    async () => {
      execFileSync('rm', ['-f', path('ready')]);
      const body = ': > ready; exec sleep 3';
      const killed = await strongroom(script(body), { cwd, during: during('SIGKILL') });
      expect(killed.status).toBe(137);
      expect(left()).toHaveLength(1);
      mkdirSync(path('private/strongroom-run-1-1-1-000000000000'));
      mkdirSync(path('private/other'));
      // What this process would have made, which is alive
      const { status } = await run(...script('ls private | wc -l > count'));
      expect(status).toBe(0);
      expect(readFileSync(path('count'), 'utf8').trim()).toBe('3');
      expect(left().sort()).toEqual(['other', 'strongroom-run-1-1-1-000000000000']);
      execFileSync('rmdir', [
        path('private/other'),
        path('private/strongroom-run-1-1-1-000000000000'),
      ]);
    },
  );

  it('leaves nothing when the archive is refused', async () => {
    const altered = readFileSync(path('w.srm'));
    altered.writeUInt8((altered.at(-40000) as number) ^ 1, altered.length - 40000);
    writeFileSync(path('bad.srm'), altered);
    const refused = await run('run', 'bad.srm', ...within, ...opening, '--', 'true');
    expectRefusal(refused, 3, /./);
    expect(left()).toEqual([]);
  });

  it('serves instead, and writes nothing', async () => {
    const body = 'echo $AWS_ENDPOINT_URL | sed s/[0-9]*$// && node -e "$F"';
    const F = `fetch(process.env.STRONGROOM_MODEL + '/a.txt', {
      headers: { authorization: 'Bearer ' + process.env.STRONGROOM_TOKEN },
    }).then((r) => r.text()).then((t) => process.stdout.write(t + process.env.STRONGROOM_BUCKET))`;
    const args = ['run', 'weights=w.srm', '--serve', '-q', ...opening, '--', 'sh', '-c', body];
    const { status, stdout, stderr } = await strongroom(args, { cwd, env: { F } });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout.toString()).toBe('http://127.0.0.1:\nhello\nweights');
  });

  it('leads clients of a store away from it, and keeps its session to itself', async () => {
    const body =
      'echo "$AWS_SESSION_TOKEN,$([ "$AWS_ENDPOINT_URL_S3" = "$STRONGROOM_URL" ] && echo here)"';
    const args = ['run', 'weights=w.srm', '--serve', '-q', ...opening, '--', 'sh', '-c', body];
    const env = { AWS_ENDPOINT_URL_S3: 'http://store.example', AWS_SESSION_TOKEN: 'of the store' };
    const { stdout, stderr } = await strongroom(args, { cwd, env });
    expect([stdout.toString(), stderr]).toEqual([',here\n', '']);
  });
});

describe.skipIf(process.platform === 'win32')('serve', () => {
  it('serves until it is told to end, with the environment in a file', async () => {
    const script = `
      "$node" "$strongroom" serve weights=w.srm --write-env gw.env ${opening.join(' ')} > out 2> err & server=$!
      for i in $(seq 400); do [ -f gw.env ] && break; sleep 0.05; done
      stat -c %a gw.env
      . ./gw.env
      curl -sS -f -H "Authorization: Bearer $STRONGROOM_TOKEN" "$STRONGROOM_URL/weights/a.txt"
      curl -sS -f --aws-sigv4 aws:amz:us-east-1:s3 -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \\
        --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" "$AWS_ENDPOINT_URL/weights/a.txt"
      kill -TERM $server; wait $server; echo $?; ls gw.env 2>&1 | wc -l; wc -c < out`;
    const { stdout, stderr } = await shell(script, { cwd });
    expect(stdout.toString().replaceAll(' ', ''), stderr + readFileSync(path('err'), 'utf8')).toBe(
      '600\nhello\nhello\n0\n1\n0\n',
    );
    expect(readFileSync(path('err'), 'utf8')).toMatch(
      /^serving \d files at http:\/\/127\.0\.0\.1:\d+\/weights\/, sealed by lab/,
    );
    expect(existsSync(path('gw.env'))).toBe(false);
  });

  it('tells the environment on standard output otherwise', async () => {
    const child = (at: ChildProcess) => {
      at.stdout?.once('data', () => at.kill('SIGINT'));
    };
    const lines = await strongroom(['serve', 'w.srm', ...opening], { cwd, during: child });
    expect(lines.status, lines.stderr).toBe(0);
    expect(lines.stdout.toString()).toMatch(
      /^STRONGROOM_URL=http:\S+\nSTRONGROOM_TOKEN=[\w-]{43}\nAWS_ENDPOINT_URL=/,
    );
    const json = await strongroom(['serve', 'w.srm', '--json', '--listen', 'unix:s', ...opening], {
      cwd,
      during: child,
    });
    expect(JSON.parse(json.stdout.toString())).toMatchObject({
      socket: 's',
      archives: [{ name: 'archive-w', files: 5, author: { name: 'lab' } }],
      environment: { STRONGROOM_SOCKET: 's' },
    });
  });

  it('is refused where others listen, and for what is not there', async () => {
    expectRefusal(
      await run('serve', 'w.srm', '--listen', '0.0.0.0:0', ...opening),
      2,
      /other machines get there/,
    );
    expectRefusal(await run('serve', 'none.srm', ...opening), 1, /no such file/);
    expectRefusal(
      await run('serve', 'w.srm', '--cache', '1GB', ...opening),
      2,
      /1GB is not a size/,
    );
  });
});
