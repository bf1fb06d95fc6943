/**
 * The tables of hostile input that the library's tests run, as JSON for the second reader: what
 * one of the two refuses, the other refuses.
 */
import { edgeSignatures } from '../tables/ed25519.ts';
import { collisions, distinct, safePaths, unsafePaths } from '../tables/paths.ts';
import { hostileTars, soundTars } from '../tables/tars.ts';
import { badLayouts, layouts, names, unfitNames } from '../tables/texts.ts';

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const tarOf = (refused: boolean) => (row: readonly [string, Uint8Array, ...unknown[]]) => ({
  name: row[0],
  data: base64(row[1]),
  refused,
});
const entriesOf = (refused: boolean) => (row: readonly [string, readonly object[]]) => ({
  name: row[0],
  entries: row[1],
  refused,
});
const textOf = (refused: boolean) => (text: string) => ({ text, refused });

process.stdout.write(
  JSON.stringify({
    tars: [
      ...Object.values(hostileTars).flatMap((rows) => rows.map(tarOf(true))),
      ...soundTars.map(tarOf(false)),
    ],
    paths: [...safePaths.map(textOf(false)), ...unsafePaths.map(([path]) => textOf(true)(path))],
    entries: [...collisions.map(entriesOf(true)), ...distinct.map(entriesOf(false))],
    names: [...names.map(textOf(false)), ...unfitNames.map(textOf(true))],
    layouts: [...layouts.map(textOf(false)), ...badLayouts.map(([, text]) => textOf(true)(text))],
    signatures: edgeSignatures().map(({ name, verifies, ...bytes }) => ({
      name,
      verifies,
      publicKey: base64(bytes.publicKey),
      message: base64(bytes.message),
      signature: base64(bytes.signature),
    })),
  }),
);
