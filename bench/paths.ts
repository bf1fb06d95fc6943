/** Where things are in the project. */

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const strongroom = join(root, 'bin', 'strongroom.js');
export const program = (name: string): string => join(root, 'bench', 'programs', name);

/** Every executable of that name on the PATH, first one first. */
export function whereIs(name: string): string[] {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((directory) => join(directory, name))
    .filter((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export const isInstalled = (name: string): boolean => whereIs(name).length > 0;
