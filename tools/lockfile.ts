/**
 * Brings package-lock.json into the form that is committed. Run by `npm run lock` after a
 * change of dependencies.
 *
 * - No registry addresses: every user's own registry is asked.
 * - A row for every platform package. npm leaves out those that the registry in use does
 *   not have, and then refuses the lockfile with `npm ci`. Such rows have no integrity: they
 *   are only installed on the platform they name.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Package {
  version?: string;
  resolved?: string;
  dev?: boolean;
  optional?: boolean;
  cpu?: string[];
  os?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const processors = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64'];

/** The platform that a package such as `binding-linux-x64-gnu` is for. */
function platformOf(name: string): Pick<Package, 'cpu' | 'os' | 'libc'> | undefined {
  const parts = name.split('-');
  const os = systems.filter((system) => parts.includes(system));
  const cpu = processors.filter((processor) => parts.includes(processor));
  if (os.length !== 1 || cpu.length !== 1) return undefined;
  const last = parts.at(-1) ?? '';
  const libc = last.startsWith('musl') ? ['musl'] : last.startsWith('gnu') ? ['glibc'] : undefined;
  return { cpu, ...(libc === undefined ? {} : { libc }), os };
}

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, Package> };
for (const entry of Object.values(lock.packages)) {
  if (entry.resolved?.startsWith('http')) delete entry.resolved;
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const row = `node_modules/${name}`;
    const platform = platformOf(name);
    if (row in lock.packages || platform === undefined) continue;
    lock.packages[row] = {
      version,
      ...platform,
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
    };
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)),
);
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
