/** Yardsticks: what the machine can do, measured in the same run. */
import { join } from 'node:path';
import type { Outcome, Sample } from '../measure.ts';
import { isInstalled, program } from '../paths.ts';
import { always, type Contestant, shell, type Team } from './contestant.ts';

/** Copying the model, and on a disk waiting until it is there, as `seal` and `open` do. */
export const copyTeam: Team = {
  name: 'cp',
  room: 1,
  absent: always,
  async prepare({ model, work, disk }) {
    const output = join(work, 'copy');
    const script = disk ? 'cp -r "$1" "$2"; sync "$2"/* "$2"' : 'cp -r "$1" "$2"';
    const command = shell(script, model.directory, output);
    const reads = [model.directory];
    return { contestants: [{ name: 'cp', bytes: model.bytes, command, output, reads }] };
  },
};

const ofItself = ({ sample, stdout }: Outcome): Sample => ({ ...sample, ...JSON.parse(stdout) });

/** Bytes that each raw stage works through: enough to be steady, whatever the model. */
const mostStageBytes = 2 ** 31;

/**
 * Raw stages of sealing on `threads` threads, without start-up. They measure themselves, so
 * their CPU seconds are those of the work alone.
 */
export const stagesTeam = (hashes: readonly string[], threads: number): Team => ({
  name: 'stages',
  room: 1,
  absent: always,
  async prepare({ model, work }) {
    const bytes = Math.min(model.bytes, mostStageBytes);
    const shards = model.shards.map((name) => join(model.directory, name));
    const row = (stage: string, ...paths: string[]): Contestant => ({
      name: `${stage} alone`,
      bytes,
      command: {
        argv: [process.execPath, program('stage.ts'), stage, `${threads}`, `${bytes}`, ...paths],
        capture: true,
      },
      figures: ofItself,
    });
    return {
      contestants: [
        row('aes-256-gcm'),
        ...hashes.map((name) => row(name)),
        row('read', ...shards),
        row('write', join(work, 'written')),
      ],
    };
  },
});

/** AES-256-GCM of the installed OpenSSL, on one core. */
export const opensslSpeedTeam: Team = {
  name: 'openssl speed',
  room: 0,
  absent: () => (isInstalled('openssl') ? undefined : 'openssl is not installed'),
  async prepare({ model: { bytes } }) {
    const options = ['-mr', '-elapsed', '-seconds', '1', '-bytes', '1048576'];
    const contestant: Contestant = {
      name: 'openssl speed aes-256-gcm, one core',
      bytes,
      command: { argv: ['openssl', 'speed', ...options, '-evp', 'aes-256-gcm'], capture: true },
      figures({ stdout }) {
        // +F:<number>:<name>:<bytes a second>
        const rate = Number(/^\+F:.*:([\d.]+)$/m.exec(stdout)?.[1]);
        return { wall: bytes / rate };
      },
    };
    return { contestants: [contestant] };
  },
};
