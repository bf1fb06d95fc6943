/**
 * Loaded before the command (`--import`): holds its process at its very end, when everything was
 * wiped that will be, until whoever looks into its memory has looked. Descriptor 3 says that the
 * time has come, 4 that it is over. A heap snapshot is written where HEAP_SNAPSHOT says.
 */
import { readSync, writeSync } from 'node:fs';
import { writeHeapSnapshot } from 'node:v8';
import { isMainThread } from 'node:worker_threads';

const snapshot = process.env.HEAP_SNAPSHOT;
if (isMainThread) {
  process.on('exit', () => {
    // Private keys of `node:crypto` are freed, and wiped by OpenSSL, when they are collected
    globalThis.gc();
    writeSync(3, 'r');
    readSync(4, Buffer.alloc(1));
    if (snapshot === undefined) return;
    writeHeapSnapshot(snapshot);
  });
}
