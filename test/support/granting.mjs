// Grants and revokes in turn until it is killed; tells each epoch once it is in force.
import { readFileSync, writeSync } from 'node:fs';
import { decodeCard, decodeIdentity, grant, revoke, trustCards } from '#strongroom/index.js';

const [archive, key, card, times = 'Infinity'] = process.argv.slice(2);
const identity = await decodeIdentity(readFileSync(key));
const one = [decodeCard(readFileSync(card))];
const options = { identity, trust: trustCards([identity.card]), patienceMs: 60_000 };
const written = () =>
  Number(/wchar: (\d+)/.exec(readFileSync('/proc/self/io', 'latin1'))?.[1] ?? Number.NaN);
const tell = (value) => writeSync(1, `${JSON.stringify(value)}\n`);

tell({ ready: true });
for (let i = 0; i < Number(times); i++) {
  for (const change of [
    () => grant(archive, { ...options, add: one }),
    () => revoke(archive, { ...options, remove: one }),
  ]) {
    const before = times === 'Infinity' ? 0 : written();
    const { epoch } = await change();
    tell({ epoch, written: (times === 'Infinity' ? 0 : written()) - before });
  }
}
