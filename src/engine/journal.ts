/**
 * Files of lines that are only appended to, each of them durable before anything rests on it.
 * A last line that a crash cut short counts as none. What the lines say is for others to doubt.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
} from 'node:fs';
import { dirname } from 'node:path';
import { utf8 } from '../bytes.ts';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import { noFollow, noWait, readFully, syncDirectory, writeFully } from './files.ts';

/** Far more than the longest one has. */
const maxBytes = 2 ** 28;
const newline = 0x0a;

const invalid = (path: string, what: string): StrongroomError =>
  new StrongroomError('JOURNAL_INVALID', `${path}: ${what}`, { file: path });

type Owned = Pick<Stats, 'uid' | 'mode'>;

/** Whether it belongs to the user; who belongs to whom is not known everywhere. */
export const isOwn = ({ uid }: Pick<Owned, 'uid'>): boolean =>
  process.geteuid === undefined || uid === process.geteuid();

/** Whether nobody else can write to it either. */
export const isPrivate = (stat: Owned): boolean =>
  process.geteuid === undefined || (isOwn(stat) && (stat.mode & 0o022) === 0);

export class Journal {
  readonly #path: string;
  readonly #fd: number;
  #end: number;

  private constructor(path: string, fd: number, end: number) {
    this.#path = path;
    this.#fd = fd;
    this.#end = end;
  }

  /** A journal of one line, in place of any other that has the name. */
  static create(path: string, head: string): Journal {
    const temporary = `${path}.new`;
    rmSync(temporary, { force: true });
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      const journal = new Journal(path, fd, 0);
      journal.append(head);
      renameSync(temporary, path);
      syncDirectory(dirname(path));
      return journal;
    } catch (error) {
      closeSync(fd);
      rmSync(temporary, { force: true });
      throw error;
    }
  }

  /**
   * The journal at `path` and its lines, or `undefined` if there is none.
   * @throws StrongroomError JOURNAL_INVALID for what is not a file of the user's alone.
   */
  static reopen(path: string): { journal: Journal; lines: string[] } | undefined {
    let fd: number;
    try {
      fd = openSync(path, constants.O_RDWR | noFollow | noWait);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      if (code === 'ELOOP') throw invalid(path, 'a symbolic link');
      throw asStrongroomError(error, path);
    }
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw invalid(path, 'not a regular file');
      if (!isPrivate(stat) || stat.nlink !== 1) throw invalid(path, 'others can write to it');
      if (stat.size > maxBytes) throw invalid(path, 'too long for a journal');
      const bytes = new Uint8Array(stat.size);
      const read = bytes.subarray(0, readFully(fd, bytes, 0));
      const end = read.lastIndexOf(newline) + 1;
      ftruncateSync(fd, end);
      const lines = Buffer.from(read.subarray(0, end)).toString('utf8').split('\n').slice(0, -1);
      return { journal: new Journal(path, fd, end), lines };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Returns when the line is durable. */
  append(line: string): void {
    const bytes = utf8(`${line}\n`);
    try {
      writeFully(this.#fd, bytes, this.#end);
      fsyncSync(this.#fd);
    } catch (error) {
      throw asStrongroomError(error, this.#path);
    }
    this.#end += bytes.length;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
