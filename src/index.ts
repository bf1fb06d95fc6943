/**
 * Strongroom: quantum-safe encryption of AI model weights.
 *
 * Operations work on whole archives; cards, identities and trust say who takes part.
 * Every failure is a `StrongroomError` with a stable `code`.
 */
export type { DirectoryEntry, Entry, FileEntry } from './archive/entry.ts';
export type { FoundKey, KeyHolder } from './archive/keyring.ts';
export type { Access } from './archive/reader.ts';
export type { Claims } from './archive/seal.ts';
export type { SuiteName } from './crypto/suites.ts';
export type { Answer, AnswerKind } from './custody/quorum/answer.ts';
export type { Question, QuestionKind } from './custody/quorum/question.ts';
export {
  decodeRequestKey,
  encodeRequestKey,
  type RequestKey,
} from './custody/quorum/request-key.ts';
export type { GroupPlan, QuorumPlan } from './custody/quorum/split.ts';
export type { Progress, RunOptions } from './engine/pool.ts';
export { type ErrorCode, isStrongroomError, StrongroomError } from './errors.ts';
export { type Card, decodeCard, encodeCard, isValidAt } from './keys/card.ts';
export {
  createIdentity,
  decodeIdentity,
  encodeIdentity,
  type Identity,
  isProtected,
  type Protection,
} from './keys/identity.ts';
export { normalizePassphrase, passphraseFromFd, passphraseFromFile } from './keys/passphrase.ts';
export { exportPrivatePem, exportPublicPem, importPem } from './keys/pem.ts';
export { type Role, readPolicy, type Trust, trustCards } from './keys/policy.ts';
export { type InspectReport, inspect } from './operations/inspect.ts';
export {
  type IdentityFile,
  type NewFile,
  readCard,
  readIdentity,
  readSmallFile,
  writeNew,
} from './operations/keyfiles.ts';
export { type OpenOptions, type OpenReport, open } from './operations/open.ts';
export {
  type AnswerOptions,
  approveRequest,
  proveShare,
} from './operations/quorum/answer.ts';
export { type AskOptions, challengeQuorum, requestQuorum } from './operations/quorum/ask.ts';
export type { AskedOptions, QuestionView } from './operations/quorum/asked.ts';
export {
  type ApprovedKey,
  type CombineOptions,
  checkQuorum,
  combineApprovals,
  type GroupReport,
  type QuorumReport,
} from './operations/quorum/collect.ts';
export {
  type ReshareOptions,
  type ReshareReport,
  reshareQuorum,
} from './operations/quorum/reshare.ts';
export { showQuestion } from './operations/quorum/show.ts';
export { readQuorumSpec } from './operations/quorum/spec.ts';
export { cat, list } from './operations/read.ts';
export { type SealOptions, type SealReport, seal } from './operations/seal.ts';
export { type VerifyOptions, type VerifyReport, verify } from './operations/verify.ts';
