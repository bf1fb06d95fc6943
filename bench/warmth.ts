/**
 * Keeps the memory that an output on tmpfs will take warm. A virtual machine gives freed pages
 * back to its host within seconds and then pays for each of them anew, several times what a
 * copy costs: that is not what is compared. So a filler holds the memory, and gives it up just
 * ahead of the output as that grows.
 */
import { closeSync, ftruncateSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const blockBytes = 2 ** 20;
/** How far the filler stays ahead: a moment's output of the fastest. */
const aheadBytes = 384 * 2 ** 20;
const everyMs = 15;

/** Bytes in use on the file system of `directory`. */
function usedBytes(directory: string): number {
  const { blocks, bfree, bsize } = statfsSync(directory);
  return (blocks - bfree) * bsize;
}

export interface Warmth {
  /** Frees what is left. */
  end(): void;
}

/** Touches `bytes` of memory on the tmpfs of `directory`, and hands it to whoever writes there. */
export function keepWarm(directory: string, bytes: number): Warmth {
  const path = join(directory, 'filler');
  const block = new Uint8Array(blockBytes);
  const fd = openSync(path, 'wx');
  let held = 0;
  for (; held < bytes; held += block.length) writeSync(fd, block);
  const before = usedBytes(directory) - held;
  const follow = () => {
    const written = usedBytes(directory) - before - held;
    const keep = Math.max(0, bytes - written - aheadBytes);
    if (keep >= held) return;
    ftruncateSync(fd, keep);
    held = keep;
  };
  follow();
  const timer = setInterval(follow, everyMs);
  return {
    end() {
      clearInterval(timer);
      closeSync(fd);
      rmSync(path);
    },
  };
}
