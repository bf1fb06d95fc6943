/** Looking at a request or a challenge without answering it. */
import { notAHolder } from '../../custody/quorum/answer.ts';
import type { QuestionKind } from '../../custody/quorum/question.ts';
import { shareOf } from '../../custody/quorum/share.ts';
import type { Card } from '../../keys/card.ts';
import { type AskedOptions, type QuestionView, readAsked } from './asked.ts';

export interface ShowOptions extends AskedOptions {
  /** What it must be; either by default. */
  readonly kind?: QuestionKind | undefined;
  /** Whoever is about to answer, and so must hold a share. */
  readonly custodian?: Card | undefined;
}

/**
 * What the request or challenge at `path` asks, held against its archive.
 * @throws StrongroomError as `approveRequest`.
 */
export async function showQuestion(path: string, options: ShowOptions): Promise<QuestionView> {
  const { kind, custodian } = options;
  const kinds = kind === undefined ? (['request', 'challenge'] as const) : [kind];
  const { quorum, view } = await readAsked(path, kinds, options);
  if (custodian === undefined || shareOf(quorum, custodian) !== undefined) return view;
  throw notAHolder(custodian.name);
}
