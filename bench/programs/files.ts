/** What the programs of peers share: `keygen KEY`, or `encrypt|decrypt KEY FROM TO`. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Library {
  /** A fresh key as text. */
  keygen(): string | Promise<string>;
  encrypt(key: string, from: string, to: string): Promise<void>;
  decrypt(key: string, from: string, to: string): Promise<void>;
}

/** Does what the command line says, for every file of a directory in turn. */
export async function serve(library: Library): Promise<void> {
  const [how, keyPath, from, to] = process.argv.slice(2) as [string, string, string, string];
  if (how === 'keygen') {
    writeFileSync(keyPath, await library.keygen());
    return;
  }
  const key = readFileSync(keyPath, 'utf8');
  mkdirSync(to);
  for (const name of readdirSync(from)) {
    await library[how === 'encrypt' ? 'encrypt' : 'decrypt'](key, join(from, name), join(to, name));
  }
}
