/** What differs between operating systems, in one place: whoever needs to know asks here. */

export interface Platform {
  /** Whether a directory can be opened and made durable; Windows makes names durable itself. */
  readonly syncsDirectories: boolean;
  /** Whether a file's mode says who can read it. */
  readonly hasModes: boolean;
  /** Whether a process can end as by a signal, which shells then see. */
  readonly endsBySignals: boolean;
  /** Whether statfs(2) tells a file system in memory from one on a disk. */
  readonly tellsMemoryFromDisk: boolean;
  /** Whether a process can keep its memory out of its core dumps. */
  readonly filtersDumps: boolean;
}

export const platformOf = (name: NodeJS.Platform): Platform => ({
  syncsDirectories: name !== 'win32',
  hasModes: name !== 'win32',
  endsBySignals: name !== 'win32',
  tellsMemoryFromDisk: name === 'linux',
  filtersDumps: name === 'linux',
});

export const platform: Platform = platformOf(process.platform);
