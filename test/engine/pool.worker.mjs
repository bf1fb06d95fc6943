// What a thread does in the tests of the pool: whatever the job says.
import { isMainThread } from 'node:worker_threads';
import { serveJob } from '#strongroom/engine/pool.js';
import { StrongroomError } from '#strongroom/errors.js';

const jobs = {
  count(job, control, report) {
    for (let i = control.claim(job.units); i !== undefined; i = control.claim(job.units)) {
      control.report(1);
      report(i);
    }
  },
  inOrder(job, control, report) {
    for (let i = control.claim(job.units); i !== undefined; i = control.claim(job.units)) {
      if (!control.awaitWriteTurn(i)) return;
      report(i);
      control.passWriteTurn();
    }
  },
  failAt(job, control, report) {
    for (let i = control.claim(job.units); i !== undefined; i = control.claim(job.units)) {
      if (i === job.at) {
        throw new StrongroomError('SEGMENT_INVALID', 'broken', { segment: i, file: 'f' });
      }
      // The others wait for a turn that never comes.
      if (!control.awaitWriteTurn(i)) return;
      control.passWriteTurn();
      report(i);
    }
  },
  writeAlone(_job, control, report) {
    const me = control.claim(3);
    const done = (units) => {
      while (control.done < units) {}
    };
    const roles = [
      function writer() {
        control.writeAlone(0, () => {
          control.report(1);
          done(3);
        });
      },
      function stopper() {
        done(2);
        throw new StrongroomError('SEGMENT_INVALID', 'broken');
      },
      function waiter() {
        done(1);
        control.report(1);
        if (!control.writeAlone(0, () => {})) report(me);
        control.report(1);
      },
    ];
    roles[me]();
  },
  crash() {
    throw new RangeError('unexpected');
  },
  spinOrExit(_job, control) {
    if (control.claim(1) !== undefined) process.exit(3);
    while (!control.stopped) control.report(1);
  },
  spin(_job, control) {
    while (!control.stopped) control.report(1);
  },
};

if (!isMainThread) {
  await serveJob(async (job, control, report) => jobs[job.kind](job, control, report));
}
