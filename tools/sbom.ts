/**
 * The bill of materials of what users install, as CycloneDX JSON on standard output: `npm run sbom`.
 * The same bytes for the same lockfile.
 *
 * `npm sbom --omit dev` leaves out what the package and its tools both need, so this takes the
 * bill of everything and follows the package's own dependencies.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Bill {
  serialNumber?: string;
  metadata: { timestamp?: string; component: { 'bom-ref': string } };
  components: { 'bom-ref': string; name: string }[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const words = ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application'];
const output = execFileSync('npm', words, {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 2 ** 26,
  stdio: ['ignore', 'pipe', 'ignore'],
});
const bill = JSON.parse(output) as Bill;

const nameOf = new Map(bill.components.map((each) => [each['bom-ref'], each.name]));
const needs = new Map(bill.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
const own = bill.metadata.component['bom-ref'];
const direct = (needs.get(own) ?? []).filter(
  (ref) => (nameOf.get(ref) ?? '') in manifest.dependencies,
);
const kept = new Set<string>(direct);
for (const ref of kept) for (const next of needs.get(ref) ?? []) kept.add(next);

delete bill.serialNumber;
delete bill.metadata.timestamp;
bill.components = bill.components.filter((each) => kept.has(each['bom-ref']));
bill.dependencies = [
  { ref: own, dependsOn: direct },
  ...bill.dependencies.filter(({ ref }) => kept.has(ref)),
];
process.stdout.write(`${JSON.stringify(bill, null, 2)}\n`);
