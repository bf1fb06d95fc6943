/**
 * Other tools that encrypt files. Each works on the shards one after the other, as a user
 * would, and where it has a choice it does not compress and uses AES-256 or its default.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, run } from '../measure.ts';
import { isInstalled, program } from '../paths.ts';
import { type Contestant, type Prepared, type Stage, shell, type Team } from './contestant.ts';

const GiB = 2 ** 30;

const missing = (tool: string) => () =>
  isInstalled(tool) ? undefined : `${tool} is not installed`;

const packageMissing = (name: string) => () => {
  try {
    import.meta.resolve(name);
    return undefined;
  } catch {
    return `the package ${name} is not installed`;
  }
};

/** Both directions of a tool, from directory to directory. */
function pair(
  stage: Stage,
  name: string,
  commands: Record<'encrypt' | 'decrypt', (from: string, to: string) => Command>,
): Contestant[] {
  const { model, work } = stage;
  const encrypted = join(work, `${name}.encrypted`);
  const decrypted = join(work, `${name}.decrypted`);
  return [
    {
      name: `${name} encrypt`,
      bytes: model.bytes,
      command: commands.encrypt(model.directory, encrypted),
      output: encrypted,
      reads: [model.directory],
    },
    {
      name: `${name} decrypt`,
      bytes: model.bytes,
      command: commands.decrypt(encrypted, decrypted),
      output: decrypted,
      needs: `${name} encrypt`,
      reads: [encrypted],
    },
  ];
}

/** Runs `each` with $f and $o for every file of $1, into $2; further arguments from $3 on. */
const eachFile = (each: string, from: string, to: string, ...args: string[]): Command =>
  shell(`mkdir "$2"; for f in "$1"/*; do o="$2/\${f##*/}"; ${each}; done`, from, to, ...args);

const age: Team = {
  name: 'age',
  room: 2,
  absent: missing('age'),
  async prepare(stage) {
    const key = join(stage.work, 'age.key');
    await run('age-keygen', '-o', key);
    const recipient = (await run('age-keygen', '-y', key)).trim();
    return {
      contestants: pair(stage, 'age', {
        encrypt: (from, to) => eachFile('age -r "$3" -o "$o" "$f"', from, to, recipient),
        decrypt: (from, to) => eachFile('age -d -i "$3" -o "$o" "$f"', from, to, key),
      }),
    };
  },
};

const gpg: Team = {
  name: 'gpg',
  room: 2,
  mostBytes: GiB,
  absent: missing('gpg'),
  async prepare(stage) {
    const home = join(stage.work, 'gpg');
    mkdirSync(home, { mode: 0o700 });
    const passphrase = join(stage.work, 'gpg.passphrase');
    writeFileSync(passphrase, randomBytes(16).toString('hex'));
    const options =
      'gpg --homedir "$3" --quiet --batch --pinentry-mode loopback --passphrase-file "$4" -o "$o"';
    const symmetric = '--symmetric --cipher-algo AES256 --compress-algo none';
    const command = (how: string) => (from: string, to: string) =>
      eachFile(`${options} ${how} "$f"`, from, to, home, passphrase);
    return {
      contestants: pair(stage, 'gpg', {
        encrypt: command(symmetric),
        decrypt: command('--decrypt'),
      }),
      dismiss: () => execFileSync('gpgconf', ['--homedir', home, '--kill', 'gpg-agent']),
    };
  },
};

const cms: Team = {
  name: 'openssl cms',
  room: 2,
  // It decrypts in memory.
  mostBytes: GiB,
  absent: missing('openssl'),
  async prepare(stage) {
    const key = randomBytes(32).toString('hex');
    const options = '-binary -secretkey "$3" -secretkeyid 01 -in "$f" -out "$o"';
    const encrypt = `openssl cms -encrypt -stream -outform DER -aes-256-gcm ${options}`;
    const decrypt = `openssl cms -decrypt -inform DER ${options}`;
    return {
      contestants: pair(stage, 'openssl cms', {
        encrypt: (from, to) => eachFile(encrypt, from, to, key),
        decrypt: (from, to) => eachFile(decrypt, from, to, key),
      }),
    };
  },
};

/** A library for Node, by a program of ours that streams file to file. */
const library = (name: string, packageName: string, file: string): Team => ({
  name,
  room: 2,
  mostBytes: GiB,
  absent: packageMissing(packageName),
  async prepare(stage) {
    const key = join(stage.work, `${name}.key`);
    await run(process.execPath, program(file), 'keygen', key);
    const command = (how: string) => (from: string, to: string) => ({
      argv: [process.execPath, program(file), how, key, from, to] as const,
    });
    return {
      contestants: pair(stage, name, { encrypt: command('encrypt'), decrypt: command('decrypt') }),
    };
  },
});

const gocryptfs: Team = {
  name: 'gocryptfs',
  room: 1,
  mostBytes: GiB,
  absent() {
    if (!isInstalled('gocryptfs')) return 'gocryptfs is not installed';
    if (!isInstalled('fusermount') && !isInstalled('fusermount3')) return 'fuse is not installed';
    try {
      readFileSync('/dev/fuse', { flag: 'r+' });
    } catch (error) {
      // A device that opens refuses to be read before it is mounted.
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'EACCES' || code === 'ENODEV') return 'no /dev/fuse';
    }
    return undefined;
  },
  async prepare({ model, work }): Promise<Prepared> {
    const [store, mount, password] = ['store', 'mount', 'password'].map((name) =>
      join(work, `gocryptfs.${name}`),
    ) as [string, string, string];
    mkdirSync(store);
    mkdirSync(mount);
    writeFileSync(password, randomBytes(16).toString('hex'));
    await run('gocryptfs', '-q', '-init', '-scryptn', '10', '-passfile', password, store);
    await run('gocryptfs', '-q', '-passfile', password, store, mount);
    const unmount = isInstalled('fusermount') ? 'fusermount' : 'fusermount3';
    return {
      contestants: [
        {
          name: 'gocryptfs encrypt',
          bytes: model.bytes,
          command: shell('cp -r "$1" "$2"; sync "$2"/*', model.directory, join(mount, 'model')),
          output: join(mount, 'model'),
          reads: [model.directory],
          // Time and memory of its daemon belong to another process.
          figures: ({ sample: { wall } }) => ({ wall }),
        },
      ],
      dismiss: () => execFileSync(unmount, ['-u', mount]),
    };
  },
};

const restic: Team = {
  name: 'restic',
  room: 2,
  mostBytes: GiB,
  absent: missing('restic'),
  async prepare({ model, work }) {
    const repository = join(work, 'restic');
    const restored = join(work, 'restic.restored');
    const env = { RESTIC_PASSWORD: randomBytes(16).toString('hex'), RESTIC_REPOSITORY: repository };
    const options = '--quiet --no-cache';
    const command = (script: string, ...args: string[]) => ({ ...shell(script, ...args), env });
    // Making the repository is a part of it: scrypt takes it a second, once.
    const create = `restic init ${options} --repository-version 2`;
    const backup = `restic backup ${options} --compression off .`;
    return {
      contestants: [
        {
          name: 'restic encrypt',
          bytes: model.bytes,
          command: command(`${create}; cd "$1"; ${backup}`, model.directory),
          output: repository,
          reads: [model.directory],
        },
        {
          name: 'restic decrypt',
          bytes: model.bytes,
          command: command(`restic restore ${options} --target "$1" latest`, restored),
          output: restored,
          needs: 'restic encrypt',
          reads: [repository],
        },
      ],
    };
  },
};

export const peers: readonly Team[] = [
  age,
  gpg,
  cms,
  library('typage', 'age-encryption', 'typage.ts'),
  library('aws-encryption-sdk', '@aws-crypto/client-node', 'aws.ts'),
  gocryptfs,
  restic,
];
