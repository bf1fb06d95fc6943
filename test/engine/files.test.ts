import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileCache, readFully, using, writeFully } from '#strongroom/engine/files.js';
import { workspace } from '../support/archive.ts';

describe('a cache of open files', () => {
  function cache(capacity: number, beforeClose?: (fd: number) => void) {
    const root = workspace();
    const opened: number[] = [];
    const open = (key: number) => {
      opened.push(key);
      return openSync(join(root, String(key)), 'w+');
    };
    return { opened, files: new FileCache(open, beforeClose, capacity) };
  }
  const isOpen = (fd: number) => {
    try {
      return fstatSync(fd).isFile();
    } catch {
      return false;
    }
  };

  it('closes the one that was not used for longest', () => {
    const { opened, files } = cache(2);
    const [a, b] = [files.get(0), files.get(1)];
    expect(files.get(0)).toBe(a);
    const closed: number[] = [];
    const c = files.get(2);
    for (const fd of [a, b]) if (!isOpen(fd) || fd === c) closed.push(fd);
    expect(closed).toEqual([b]);
    files.get(1);
    expect(opened).toEqual([0, 1, 2, 1]);
    files.close();
  });

  it('closes all even when one fails, and tells the first failure', () => {
    const seen: number[] = [];
    const { files } = cache(8, (fd) => {
      seen.push(fd);
      throw new RangeError(`failure ${seen.length}`);
    });
    const fds = [files.get(0), files.get(1), files.get(2)];
    expect(() => files.close()).toThrow('failure 1');
    expect(seen).toEqual(fds);
    expect(fds.filter(isOpen)).toEqual([]);
  });
});

it('reads and writes whole ranges, and fewer bytes only at the end', () => {
  const path = join(workspace(), 'file');
  writeFileSync(path, 'abc');
  const fd = openSync(path, 'r+');
  writeFully(fd, Buffer.from('xyz'), 2);
  const into = new Uint8Array(10);
  expect(readFully(fd, into, 1)).toBe(4);
  expect(Buffer.from(into.subarray(0, 4)).toString()).toBe('bxyz');
  closeSync(fd);
  expect(readFileSync(path, 'utf8')).toBe('abxyz');
});

describe('using something', () => {
  const failing = (what: string) => () => {
    throw new Error(what);
  };
  it.each([
    ['nothing fails', () => 1, () => {}, undefined],
    ['the use fails', failing('use'), () => {}, 'use'],
    ['the close fails', () => 1, failing('close'), 'close'],
    ['both fail', failing('use'), failing('close'), 'use'],
  ])('closes it once when %s', async (_, use, close, message) => {
    let closed = 0;
    const resource = {
      close() {
        closed++;
        close();
      },
    };
    const result = await using(resource, use).catch((error: Error) => error.message);
    expect(result).toBe(message ?? 1);
    expect(closed).toBe(1);
  });
});
