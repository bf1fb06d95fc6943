/** Looking at a request or a challenge without answering it. */
import { type AskedOptions, type QuestionView, readAsked } from './asked.ts';

/**
 * What the request or challenge at `path` asks, held against its archive.
 * @throws StrongroomError as `approveRequest`.
 */
export async function showQuestion(path: string, options: AskedOptions): Promise<QuestionView> {
  return (await readAsked(path, ['request', 'challenge'], options)).view;
}
