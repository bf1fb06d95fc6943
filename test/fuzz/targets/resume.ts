/** What work goes on from: journals beside an output, and the state files of uploads. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { macBytes, RunJournal } from '#strongroom/archive/jobs/journal.js';
import { createKeyring } from '#strongroom/archive/keyring.js';
import { utf8 } from '#strongroom/bytes.js';
import { sha384 } from '#strongroom/crypto/hash.js';
import { suites } from '#strongroom/crypto/suites.js';
import { Control, createControl } from '#strongroom/engine/control.js';
import { createIdentity } from '#strongroom/index.js';
import { type Beginning, beginArchive } from '#strongroom/operations/output/beginning.js';
import { Resumption } from '#strongroom/operations/output/resumption.js';
import { UploadState } from '#strongroom/operations/output/state.js';
import { hold, type Mutate, mutateDocument, Refused, type Target } from '../target.ts';

const identity = createIdentity({ name: 'a' });
const ids = identity.card.signing.map(({ id }) => id);
const inputs = { source: '11'.repeat(48), options: '22'.repeat(48) };
const [segments, runSegments, segmentBytes] = [7, 2, 4096];

export async function resumeTargets(scratch: string): Promise<readonly Target[]> {
  const root = join(scratch, 'resume');
  mkdirSync(root);
  const fields = { suite: suites.hybrid, segmentBytes, slotBytes: 65_536, authors: ids };
  const beginning = await beginArchive(fields, async (secrets) =>
    createKeyring({
      ...secrets,
      recipients: [identity.card],
      hideRecipients: false,
      signer: identity,
    }),
  );
  return [
    await journalTarget(root, 'seal', beginning),
    await journalTarget(root, 'open'),
    uploadTarget(root, beginning),
  ];
}

/** A line of several: another value in it, or it elsewhere, twice, or not at all. */
const mutateLines: Mutate = (bytes, random, others) => {
  if (random.oneIn(4)) return mutateDocument(bytes, random, others);
  const lines = Buffer.from(bytes).toString('latin1').split('\n');
  const at = random.below(lines.length);
  const line = lines[at] as string;
  const choice = random.below(6);
  if (choice === 0) lines.splice(at, 1);
  else if (choice === 1) lines.splice(random.below(lines.length + 1), 0, line);
  else lines[at] = Buffer.from(mutateDocument(Buffer.from(line), random, [bytes])).toString();
  return Buffer.from(lines.join('\n'));
};

const digestOf = (place: number) => sha384(utf8(`segment ${place}`));

async function journalTarget(
  root: string,
  kind: 'seal' | 'open',
  beginning?: Beginning,
): Promise<Target> {
  const output = join(root, kind);
  const isDirectory = kind === 'open';
  const onNotice = () => {};
  const take = () => Resumption.take({ kind, output, isDirectory, identity, inputs, onNotice });
  const start = (resumption: Resumption) =>
    resumption.start({ segments, runSegments, ...(beginning && { archive: beginning }) });
  const runsOf = (resumption: Resumption) => {
    const work = { digest: digestOf, sync: () => {} };
    const control = new Control(createControl(1));
    return new RunJournal(start(resumption), control, work, (report) => resumption.add(report));
  };

  const first = await take();
  writeFileSync(isDirectory ? join(first.stage, 'weights') : first.stage, 'weights');
  const runs = runsOf(first);
  for (let place = 0; place < segments; place++) runs.add(place, digestOf(place));
  first.abandon();
  const path = join(root, `.${kind}.resume.journal`);
  const seed = readFileSync(path);
  const [head, ...lines] = seed.toString().split('\n');
  const begun = head as string;
  return {
    name: `journal of ${kind}`,
    seeds: [seed, utf8(`${begun}\n`), seed.subarray(0, -macBytes)],
    mutate: mutateLines,
    async parse(input) {
      writeFileSync(path, input, { mode: 0o600 });
      const resumption = await take();
      try {
        const found = Buffer.from(input).toString('latin1').split('\n').slice(0, -1);
        hold(found[0] === begun, 'a beginning that nobody signed');
        const { fileKey, front } = resumption.begun ?? {};
        const isSame = (a?: Uint8Array, b?: Uint8Array) =>
          Buffer.compare(a ?? Buffer.of(), b ?? Buffer.of()) === 0;
        hold(isSame(front, beginning?.front), 'another front');
        hold(isSame(fileKey, beginning?.fileKey), 'another file key');
        const left = new Set(runsOf(resumption).claim(segmentBytes)(segments));
        for (let place = 0; place < segments; place++) {
          const line = lines[Math.floor(place / runSegments)] as string;
          hold(left.has(place) || found.includes(line), 'a run that no line tells of');
        }
        const kept = readFileSync(path);
        hold(kept.equals(input.subarray(0, kept.length)), 'a journal that is written to');
        return undefined;
      } finally {
        resumption.abandon();
      }
    },
  };
}

function uploadTarget(root: string, beginning: Beginning): Target {
  const state = new UploadState('store', root);
  const upload = { beginning, signer: identity, id: 'u', runSegments, inputs: inputs.source };
  const part = { number: 1, etag: '"1"', crc32: 'AAAAAA==', bytes: 8192 };
  const kept = [{ run: 0, part, leaves: new Uint8Array(96) }];
  state.write(upload, kept);
  const seed = readFileSync(state.path);
  return {
    name: 'upload state',
    seeds: [seed],
    mutate: mutateLines,
    async parse(input) {
      writeFileSync(state.path, input);
      const found = await state.find(inputs.source, identity);
      if (found.kind !== 'same') throw new Refused();
      const { front, fileKey, wipe } = found.kept.beginning;
      hold(Buffer.compare(front, beginning.front) === 0, 'another front');
      hold(Buffer.compare(fileKey, beginning.fileKey) === 0, 'another file key');
      wipe();
      for (const each of found.kept.parts) hold(isDeepStrictEqual(each, kept[0]), 'another part');
      return undefined;
    },
  };
}
