/** On what a run was made: enough to judge its figures by, nothing that says whose it is. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, machine, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { isInstalled, root, whereIs } from './paths.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly kernel: string;
  readonly architecture: string;
}

/** Of Node and OpenSSL that ran, and of every peer that is installed. */
export type Versions = Readonly<Record<string, string>>;

/** The numbers of a kernel release, without what a distributor or a cloud appends. */
const kernelOf = (text: string): string => /^[\d.]+/.exec(text)?.[0].replace(/\.$/, '') ?? '';

export const describeMachine = (): Machine => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryBytes: totalmem(),
  system: type(),
  kernel: kernelOf(release()),
  architecture: machine(),
});

const output = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();

const firstNumber = (text: string): string => /\d+(\.\w+)+/.exec(text)?.[0] ?? 'unknown';

const tools: Readonly<Record<string, readonly string[]>> = {
  age: ['--version'],
  gpg: ['--version'],
  openssl: ['version'],
  gocryptfs: ['-version'],
  restic: ['version'],
};

const packages = ['age-encryption', '@aws-crypto/client-node', '@napi-rs/blake-hash'];

const packageVersion = (name: string): string | undefined => {
  try {
    const text = readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8');
    return (JSON.parse(text) as { version: string }).version;
  } catch {
    return undefined;
  }
};

export function describeVersions(): Versions {
  const versions: Record<string, string> = {
    node: process.versions.node,
    'openssl in node': process.versions.openssl ?? 'none',
  };
  for (const [tool, args] of Object.entries(tools)) {
    if (isInstalled(tool)) versions[tool] = firstNumber(output(tool, ...args));
  }
  for (const name of packages) {
    const version = packageVersion(name);
    if (version !== undefined) versions[name] = version;
  }
  return versions;
}

export function describeCommit(): { commit: string; modified: boolean } {
  try {
    const git = (...args: string[]) => output('git', '-C', root, ...args).trim();
    // The records themselves do not make a tree another one.
    const changed = git('status', '--porcelain', '--', '.', ':!bench/history', ':!docs/charts');
    return { commit: git('rev-parse', 'HEAD'), modified: changed !== '' };
  } catch {
    return { commit: 'unknown', modified: true };
  }
}

/** Nodes to run side by side: the one that runs this, and the first other one on the PATH. */
export function findNodes(): { version: string; path: string }[] {
  const nodes = [{ version: process.versions.node, path: process.execPath }];
  for (const path of whereIs('node')) {
    const version = output(path, '--version').trim().slice(1);
    if (nodes.every((node) => node.version !== version)) nodes.push({ version, path });
  }
  return nodes;
}
