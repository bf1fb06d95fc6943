// Starts a job of which one thread cannot start, and tells what came of it. The process ends on
// its own once no thread holds it.
import { runThreads } from '#strongroom/engine/pool.js';

const worker = new URL('pool.worker.mjs', import.meta.url);

const jobs = {
  /** A job that can be sent once. */
  argument() {
    let sent = 0;
    return {
      kind: 'spin',
      get unit() {
        sent += 1;
        if (sent > 1) throw new Error('not twice');
        return sent;
      },
    };
  },
};

try {
  await runThreads(worker, jobs[process.argv[2]](), 2, undefined, {});
  process.send('accepted');
} catch (error) {
  process.send(`${error.code}: ${error.message}`);
}
process.disconnect();
