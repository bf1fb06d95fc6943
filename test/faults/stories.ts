/**
 * What is done when a fault happens: a command, what it begins with, and how to tell whether all
 * of it is in force or nothing.
 */
import { copyFileSync, cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { recipients } from '#strongroom/index.js';
import { auditLedger } from '#strongroom/provenance/ledger/audit.js';
import { decodeLedgerPolicy } from '#strongroom/provenance/ledger/policy.js';
import { assertHolds, digestOf, type World } from './world.ts';

export type State = 'old' | 'new';

export interface Story {
  readonly name: string;
  readonly args: readonly string[];
  /** A shell command whose output it reads. */
  readonly from?: string;
  /** Whether a failed one is kept to go on from. */
  readonly resumes?: boolean;
  /** What is there before. */
  prepare(directory: string): void;
  /** @throws Error if it is neither. */
  state(directory: string): Promise<State>;
  /** Names in the directory that belong to each state. */
  readonly names: Readonly<Record<State, readonly string[]>>;
  /** A command that works once the new state is there. */
  readonly after: readonly string[];
}

export function storiesOf(world: World): readonly Story[] {
  const { root, archive, source } = world;
  const at = (name: string) => join(root, name);
  const lab = ['-i', at('lab.key'), '--signer', at('lab.key.card')];
  const partner = ['-i', at('partner.key'), '--signer', at('lab.key.card')];
  const cards = ['-r', at('lab.key.card'), '-r', at('partner.key.card')];
  const signed = [...cards, '--sign', at('lab.key')];
  const guest = ['-r', at('guest.key.card')];
  const nothing = () => {};

  const sealed = async (directory: string): Promise<State> => {
    const path = join(directory, 'new.srm');
    if (!existsSync(path)) return 'old';
    await assertHolds(world, path, world.partner);
    return 'new';
  };
  const opened = async (directory: string): Promise<State> => {
    const path = join(directory, 'out');
    if (!existsSync(path)) return 'old';
    if (digestOf(path) !== world.digest) throw new Error('out: holds other bytes');
    return 'new';
  };
  const sealing = {
    prepare: nothing,
    state: sealed,
    names: { old: [], new: ['new.srm'] },
    after: ['verify', 'new.srm', '--signer', at('lab.key.card')],
  };
  const opening = {
    prepare: nothing,
    state: opened,
    names: { old: [], new: ['out'] },
    after: ['cat', archive, 'config.json', ...partner],
  };
  const rekeying = ['rekey', 'a.srm', '-o', 'new.srm', ...cards, ...lab];
  const rekeyed = {
    prepare: (directory: string) => copyFileSync(archive, join(directory, 'a.srm')),
    async state(directory: string) {
      const same = readFileSync(join(directory, 'a.srm')).equals(readFileSync(archive));
      if (!same) throw new Error('a.srm: changed');
      return sealed(directory);
    },
    names: { old: ['a.srm'], new: ['a.srm', 'new.srm'] },
    after: ['verify', 'new.srm', '--signer', at('lab.key.card')],
  };

  return [
    { name: 'seal', args: ['seal', source, '-o', 'new.srm', ...signed], ...sealing },
    {
      name: 'seal of a pipe',
      args: ['seal', '-', '-o', 'new.srm', ...signed],
      from: `tar -C ${source} -c --format=pax --sort=name config.json empty.txt weights`,
      ...sealing,
    },
    { name: 'open', args: ['open', archive, '-o', 'out', ...partner], ...opening },
    {
      name: 'open of a pipe',
      args: ['open', '-', '-o', 'out', ...partner],
      from: `cat ${archive}`,
      ...opening,
    },
    {
      name: 'seal --resume',
      args: ['seal', source, '-o', 'new.srm', ...signed, '--resume'],
      resumes: true,
      ...sealing,
    },
    {
      name: 'open --resume',
      args: ['open', archive, '-o', 'out', ...partner, '--resume'],
      resumes: true,
      ...opening,
    },
    access(world, 'grant', [...guest, ...lab], 'old'),
    access(world, 'revoke', [...guest, ...lab], 'new'),
    { name: 'rekey', args: rekeying, ...rekeyed },
    { name: 'rekey --resume', args: [...rekeying, '--resume'], resumes: true, ...rekeyed },
    {
      name: 'ledger append',
      args: ['ledger', 'append', 'log', world.documents, '--lines', '--key', at('log.key')],
      prepare(directory) {
        cpSync(world.log, join(directory, 'log'), { recursive: true });
        cpSync(world.logState, join(directory, '.state'), { recursive: true });
      },
      async state(directory) {
        const policy = `${readFileSync(at('log.key.policy'), 'utf8')}quorum none\n`;
        const options = { policy: decodeLedgerPolicy(Buffer.from(policy)) };
        const { size } = auditLedger(join(directory, 'log'), options);
        if (size === world.entries) return 'old';
        if (size === world.entries + 5) return 'new';
        throw new Error(`log: has ${size} entries`);
      },
      names: { old: ['log'], new: ['log'] },
      after: ['ledger', 'append', 'log', at('lab.key.card'), '--key', at('log.key')],
    },
  ];
}

/** A grant to the guest, or the revocation of one: the guest can open it `when` it is in force. */
function access(world: World, verb: 'grant' | 'revoke', rest: string[], without: State): Story {
  const [before, other] = verb === 'grant' ? [world.archive, 'revoke'] : [world.granted, 'grant'];
  return {
    name: verb,
    args: [verb, 'a.srm', ...rest],
    prepare: (directory) => copyFileSync(before, join(directory, 'a.srm')),
    async state(directory) {
      const path = join(directory, 'a.srm');
      await assertHolds(world, path, world.partner);
      const { epoch, recipients: who } = await recipients(path);
      const state = epoch === 1 ? 'old' : 'new';
      const isIn = await assertHolds(world, path, world.guest).then(
        () => true,
        ({ code }) => {
          if (code !== 'NO_KEY_FITS') throw new Error(`a.srm: the guest gets ${code}`);
          return false;
        },
      );
      const wanted = state !== without;
      if (isIn === wanted && who.length === (wanted ? 3 : 2) && epoch <= 2) return state;
      throw new Error(`a.srm: epoch ${epoch}, ${who.length} recipients, the guest is in: ${isIn}`);
    },
    names: { old: ['a.srm'], new: ['a.srm'] },
    after: [other, 'a.srm', ...rest],
  };
}
