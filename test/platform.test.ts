/** Must hold: what other systems cannot do is not asked of them, and nothing else changes. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDirectory } from '#strongroom/engine/files.js';
import { storageOf } from '#strongroom/engine/memory.js';
import { platformOf } from '#strongroom/platform.js';

const missing = join(tmpdir(), 'strongroom-there-is-no-such-directory');

describe('Windows', () => {
  const windows = platformOf('win32');

  it('opens no directory, not even to see that it is missing', () => {
    expect(openDirectory(missing, windows)).toBeUndefined();
  });

  it('has no modes that tell who reads a file, and no end by a signal', () => {
    expect(windows).toMatchObject({ hasModes: false, endsBySignals: false });
  });
});

describe('macOS', () => {
  const mac = platformOf('darwin');

  it.skipIf(process.platform === 'win32')('makes directories durable', () => {
    const directory = openDirectory(tmpdir(), mac);
    expect(() => directory?.sync()).not.toThrow();
    directory?.close();
    expect(directory).toBeDefined();
    expect(() => openDirectory(missing, mac)).toThrow(/ENOENT/);
  });

  it('does not tell what kind of file system it writes to', () => {
    expect(storageOf(tmpdir(), mac)).toBeUndefined();
    expect(storageOf(tmpdir(), platformOf('win32'))).toBeUndefined();
  });

  it('has no filter of core dumps', () => {
    expect([mac.filtersDumps, platformOf('linux').filtersDumps]).toEqual([false, true]);
  });
});
