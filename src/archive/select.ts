/** Choosing some of the entries by globs. */
import { createRequire } from 'node:module';
import type Picomatch from 'picomatch';
import { StrongroomError } from '../errors.ts';
import type { Entry } from './entry.ts';

/** The directories above a path, nearest first. */
export function* parents(path: string): Generator<string> {
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
    yield path.slice(0, at);
  }
}

// Loaded on first use: most runs choose nothing.
const require = createRequire(import.meta.url);

/** As long as any path; what is several times longer V8 refuses as a regular expression. */
const maxGlob = 4096;

/**
 * Tells whether a text matches a glob.
 * @throws StrongroomError USAGE.
 */
export function globMatcher(glob: string): (text: string) => boolean {
  if (glob === '' || glob.length > maxGlob) {
    throw new StrongroomError('USAGE', `a glob has 1 to ${maxGlob} characters`, {
      hint: 'leave it out for all files',
    });
  }
  return (require('picomatch') as typeof Picomatch)(glob, { dot: true });
}

/** Tells whether a path, or a directory above it, matches a glob. */
function matcher(glob: string): (path: string) => boolean {
  // A pattern ending in a slash, as shells complete it, means the directory.
  const matches = globMatcher(glob.replace(/\/+$/, ''));
  return (path) => matches(path) || [...parents(path)].some((parent) => matches(parent));
}

/** Tells which paths any of the globs selects; all of them when there are no globs. */
export function pathFilter(globs: readonly string[] | undefined): (path: string) => boolean {
  const matchers = globs?.map(matcher);
  return (path) => matchers?.some((matches) => matches(path)) ?? true;
}

/**
 * The entries that match one of the globs, or lie below a directory that does, and the files in
 * `paths`; all of them when there is neither.
 * @throws StrongroomError NO_SUCH_ENTRY when a glob matches nothing.
 */
export function selectEntries(
  entries: readonly Entry[],
  globs: readonly string[] | undefined,
  paths?: ReadonlySet<string>,
): readonly Entry[] {
  for (const glob of globs ?? []) {
    const matches = matcher(glob);
    if (entries.some(({ path }) => matches(path))) continue;
    throw new StrongroomError('NO_SUCH_ENTRY', `nothing in the archive matches ${glob}`);
  }
  const selects = pathFilter(globs ?? (paths === undefined ? undefined : []));
  return entries.filter(({ path }) => paths?.has(path) || selects(path));
}
