/** What is asked of custodians, in words. */
import type { QuestionView } from '../../index.ts';
import { bytes, who } from '../format.ts';
import { encode, table } from '../messages.ts';

/** Lines for people; whoever prints them escapes them. */
export function inWords(view: QuestionView): string[] {
  const { requester, author, claims, groups, kind } = view;
  const asks =
    kind === 'request'
      ? 'to open the archive: whoever asks gets its key'
      : 'for proof that you still could: nothing secret leaves';
  return table([
    ['asks', asks],
    ['by', quoted(requester.name)],
    ['', requester.known ? 'whom your trust names' : 'whom your trust does not name: call them'],
    ['fingerprint', requester.fingerprint],
    ['for', quoted(view.purpose)],
    ['asked at', view.askedAt],
    ['until', view.expires],
    ['archive', view.archive],
    ['content', view.contentRoot],
    ['payload', bytes(view.payloadBytes)],
    ['claims', claims && encode(claims)],
    ['author', who(author)],
    ['sealed at', view.sealedAt],
    ...groups.map(
      ({ name, threshold, custodians }, i) =>
        [
          i === 0 ? 'decided by' : 'and by',
          `${threshold} of ${custodians.length} of ${name}: ${custodians.join(', ')}`,
        ] as const,
    ),
  ]);
}

/**
 * What others wrote, marked as such, and without runs of spaces: on a terminal that wraps, they
 * could make words stand where a line of ours would begin.
 */
const quoted = (text: string): string => JSON.stringify(text.replace(/ {2,}/g, ' '));
