/**
 * The memory of epochs, in a small file of the user's: state directory as in the XDG Base
 * Directory Specification 0.8. Several processes may use it at once without a lock: a number
 * that is lost to another writer is seen again, and none is ever lowered.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { equal } from '../../bytes.ts';
import { quietly, removeFile } from '../../engine/files.ts';
import { asStrongroomError, isStrongroomError } from '../../errors.ts';
import { decodeJson, encodeJson } from '../../json.ts';
import type { EpochMemory } from './freshness.ts';

/** Archives kept; the ones not seen for longest are forgotten first. */
const maxArchives = 4096;
const maxFileBytes = 2 ** 20;
/** After so many the last one wins. */
const maxAttempts = 16;

const memorySchema = z.strictObject({
  // The one seen last stands last
  archives: z
    .array(
      z.strictObject({
        core: z.string().regex(/^[0-9a-f]{96}$/, 'not a core hash'),
        epoch: z.int().min(1),
      }),
    )
    .max(maxArchives),
  type: z.literal('strongroom/epochs'),
  version: z.literal(1),
});

export interface EpochMemoryOptions {
  /** Instead of the user's state directory. */
  readonly directory?: string | undefined;
  /** Told when the file cannot be read or written: the memory then does without. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** `STRONGROOM_STATE_DIR`, or the user's state directory. */
export function stateDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const { STRONGROOM_STATE_DIR: own, XDG_STATE_HOME: shared } = environment;
  if (own) return own;
  // A relative path is to be ignored, says the specification
  const base = shared && isAbsolute(shared) ? shared : join(homedir(), '.local', 'state');
  return join(base, 'strongroom');
}

/** The memory in the file `epochs.json`. It never fails: what is wrong is a warning. */
export function fileEpochMemory(options: EpochMemoryOptions = {}): EpochMemory {
  const { directory = stateDirectory(), onWarning = () => {} } = options;
  const file = join(directory, 'epochs.json');
  return {
    highest: (core) => load(file, onWarning).get(core),
    remember(core, epoch) {
      try {
        raise(directory, file, core, epoch);
      } catch (error) {
        const { message } = asStrongroomError(error, file);
        onWarning(`${message}: the epoch of this key ring is not remembered`);
      }
    },
  };
}

type Epochs = Map<string, number>;

function load(file: string, onWarning: (message: string) => void): Epochs {
  try {
    const kind = { what: file, code: 'IO', maxBytes: maxFileBytes } as const;
    const { archives } = decodeJson(readFileSync(file), memorySchema, kind);
    return new Map(archives.map(({ core, epoch }) => [core, epoch]));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') {
      const why = isStrongroomError(error) ? error : asStrongroomError(error, file);
      const kept = isStrongroomError(error) ? setAside(file) : '';
      onWarning(`${why.message}${kept}: older key rings are not noticed`);
    }
    return new Map();
  }
}

/** What cannot be read may be of a newer version, or be mended: it is not written over. */
function setAside(file: string): string {
  const kept = `${file}.unreadable`;
  try {
    renameSync(file, kept);
    return ` (kept as ${kept})`;
  } catch {
    return '';
  }
}

/** Writes anew what is remembered, with `epoch` in it; twice if another process did so meanwhile. */
function raise(directory: string, file: string, core: string, epoch: number): void {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.partial`;
  try {
    for (let attempt = 1; ; attempt++) {
      // What is wrong with the file was said when its highest epoch was asked for
      const known = load(file, () => {});
      const before = encodeEpochs(known);
      const highest = Math.max(epoch, known.get(core) ?? 0);
      known.delete(core);
      known.set(core, highest);
      const after = encodeEpochs(known);
      if (equal(before, after)) return;
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeDurably(temporary, after);
      const changed = !equal(encodeEpochs(load(file, () => {})), before);
      if (changed && attempt < maxAttempts) continue;
      renameSync(temporary, file);
      return;
    }
  } finally {
    quietly(() => removeFile(temporary));
  }
}

const encodeEpochs = (epochs: Epochs): Uint8Array =>
  encodeJson({
    archives: [...epochs].slice(-maxArchives).map(([core, epoch]) => ({ core, epoch })),
    type: 'strongroom/epochs',
    version: 1,
  });

function writeDurably(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, 'w', 0o600);
  try {
    writeFileSync(fd, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
