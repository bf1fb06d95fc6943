/**
 * Strongroom: quantum-safe encryption of AI model weights.
 *
 * Operations work on whole archives; cards, identities and trust say who takes part.
 * Every failure is a `StrongroomError` with a stable `code`.
 */
export type { DirectoryEntry, Entry, FileEntry } from './archive/entry.ts';
export type { FoundKey, KeyHolder } from './archive/keyring.ts';
export type { CacheStatistics, PinnedSegment } from './archive/lazy/cache.ts';
export type { Release } from './archive/quorum.ts';
export type { Access } from './archive/reader.ts';
export type { Claims, Predecessor } from './archive/seal.ts';
export type { FoundTensor } from './archive/tensors/find.ts';
export type { TensorInfo } from './archive/tensors/tensor.ts';
export type { SuiteName } from './crypto/suites.ts';
export { type KeyTrace, type RingTrace, traceKey } from './custody/affected.ts';
export {
  type Console,
  type Question as ConsoleQuestion,
  scriptedConsole,
} from './custody/ceremony/console.ts';
export type { EpochMemory, Freshness } from './custody/epochs/freshness.ts';
export { type EpochMemoryOptions, fileEpochMemory } from './custody/epochs/memory.ts';
export type { Answer, AnswerKind } from './custody/quorum/answer.ts';
export type { Question, QuestionKind } from './custody/quorum/question.ts';
export {
  decodeRequestKey,
  encodeRequestKey,
  type RequestKey,
} from './custody/quorum/request-key.ts';
export type { GroupPlan, QuorumPlan } from './custody/quorum/split.ts';
export { cbomOf } from './custody/registry/cbom.ts';
export { encodeCheckpoint } from './custody/registry/checkpoint.ts';
export { readPolicy, readPolicyRegistry } from './custody/registry/policy.ts';
export {
  type RegisteredEvent,
  type RegisteredKey,
  type Registry,
  type RegistryOptions,
  readRegistry,
} from './custody/registry/read.ts';
export {
  type Addition,
  addKeys,
  type Change,
  changeKey,
  createRegistry,
  rotateKey,
  type Statement,
} from './custody/registry/write.ts';
export type { Storage } from './engine/memory.ts';
export type { Progress, RunOptions } from './engine/pool.ts';
export { authorizeHttp, type HeaderFields } from './engine/remote/authorization.ts';
export { type ErrorCode, isStrongroomError, StrongroomError } from './errors.ts';
export type { Credentials } from './gateway/credentials.ts';
export type {
  Anchor,
  AnchorKind,
  IdentityProtection,
  Kept,
  Wrapping,
} from './keys/anchor/anchor.ts';
export { execAnchor } from './keys/anchor/exec/anchor.ts';
export type { ExecOptions } from './keys/anchor/exec/run.ts';
export { type Pkcs11Options, pkcs11Anchor } from './keys/anchor/pkcs11/anchor.ts';
export type { TokenInfo } from './keys/anchor/pkcs11/token.ts';
export { type Pkcs11Address, parsePkcs11Uri } from './keys/anchor/pkcs11/uri.ts';
export { type Card, decodeCard, encodeCard, isValidAt } from './keys/card.ts';
export { stateOf, successorOf } from './keys/enforce.ts';
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
export { type Trust, type TrustEntry, trustCards } from './keys/policy.ts';
export type { Role } from './keys/roles.ts';
export { type KeyEvent, type KeyLife, type KeyState, keyStates } from './keys/states.ts';
export type { AccessReport, Who } from './operations/access.ts';
export {
  type CeremonyOptions,
  type CeremonyReport,
  holdCeremony,
} from './operations/ceremony/run.ts';
export {
  type TranscriptReport,
  type VerifyTranscriptOptions,
  verifyTranscript,
} from './operations/ceremony/verify.ts';
export type { LedgerDemand } from './operations/custody/demand.ts';
export type { OpenedOptions } from './operations/custody/opened.ts';
export type { CustodyOptions, Recorded } from './operations/custody/place.ts';
export { type RecordOptions, recordCustody, recordRelease } from './operations/custody/record.ts';
export { type CustodyStory, showCustody } from './operations/custody/show.ts';
export type { Happening } from './operations/custody/story.ts';
export {
  type CustodyReport,
  type VerifyCustodyOptions,
  verifyCustody,
} from './operations/custody/verify.ts';
export { type GrantOptions, type GrantReport, grant } from './operations/grant.ts';
export type { Heirs, QuorumChange } from './operations/heirs.ts';
export { type InspectReport, inspect } from './operations/inspect.ts';
export {
  type IdentityFile,
  type NewFile,
  readCard,
  readIdentity,
  readSmallFile,
  writeNew,
} from './operations/keyfiles.ts';
export {
  type LoaderOptions,
  type OpenArchive,
  openArchive,
  type ReadOptions,
  type StreamOptions,
  type Tensor,
  type TensorOptions,
} from './operations/loader.ts';
export { mlbom } from './operations/mlbom.ts';
export type { OmsDemand } from './operations/oms/demand.ts';
export { type ExportedOms, type ExportOmsOptions, exportOms } from './operations/oms/export.ts';
export {
  type SignOmsOptions,
  type SignOmsReport,
  signaturePaths,
  signOms,
} from './operations/oms/sign.ts';
export {
  type OmsSignature,
  type VerifyOmsOptions,
  type VerifyOmsReport,
  verifyOms,
} from './operations/oms/verify.ts';
export { type OpenOptions, type OpenReport, open } from './operations/open.ts';
export { type CancelOptions, type CancelReport, cancelPlan } from './operations/plan/cancel.ts';
export type { Check } from './operations/plan/chosen.ts';
export { finishPlan } from './operations/plan/finish.ts';
export type { FinishOptions, FinishReport } from './operations/plan/finishing.ts';
export type { NewPlanOptions, PlanReport } from './operations/plan/new.ts';
export { type PlanOpenOptions, planOpen } from './operations/plan/open.ts';
export { finishQueued, type QueueFinishOptions } from './operations/plan/queue/finish.ts';
export {
  type SubmitOptions,
  type SubmitReport,
  submitPlan,
} from './operations/plan/queue/submit.ts';
export {
  type QueueWorkOptions,
  type QueueWorkReport,
  workQueue,
} from './operations/plan/queue/work.ts';
export type { RangeReport, WorkOptions } from './operations/plan/range.ts';
export { type PlanSealOptions, planSeal } from './operations/plan/seal.ts';
export {
  describePlan,
  type PlanOptions,
  type PlanStatus,
  type PlanSummary,
  showPlan,
} from './operations/plan/show.ts';
export { type PlanVerifyOptions, planVerify } from './operations/plan/verify.ts';
export { workRange } from './operations/plan/work.ts';
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
export { type ShowOptions, showQuestion } from './operations/quorum/show.ts';
export { readQuorumSpec } from './operations/quorum/spec.ts';
export { cat, catTensor, list, listTensors } from './operations/read.ts';
export {
  type RecipientsOptions,
  type RecipientsReport,
  recipients,
} from './operations/recipients.ts';
export { type RekeyOptions, type RekeyReport, rekey } from './operations/rekey.ts';
export { type RevokeOptions, type RevokeReport, revoke } from './operations/revoke.ts';
export { type SealOptions, type SealReport, seal } from './operations/seal.ts';
export { type Gateway, type ServeOptions, serve } from './operations/serve.ts';
export { type VerifyOptions, type VerifyReport, verify } from './operations/verify.ts';
export { type KnownClaims, knownClaims, otherClaims } from './provenance/claims.ts';
export {
  type Appended,
  appendEntries,
  createLedger,
  type Ledger,
} from './provenance/ledger/append.ts';
export {
  type AuditOptions,
  type AuditReport,
  auditLedger,
  type CustodyAudit,
  type CustodyFile,
} from './provenance/ledger/audit.ts';
export { commitmentOf } from './provenance/ledger/commitment.ts';
export {
  createLedgerKey,
  decodeLedgerKey,
  encodeLedgerKey,
  type LedgerKey,
  maxLedgerKeyBytes,
  policyLines,
} from './provenance/ledger/keyfile.ts';
export { readSignedCheckpoint, type SignedCheckpoint } from './provenance/ledger/log.ts';
export type { LogMemory } from './provenance/ledger/memory.ts';
export { decodeLedgerPolicy, type LedgerPolicy } from './provenance/ledger/policy.ts';
export { maxProofBytes } from './provenance/ledger/proof.ts';
export { type EntryName, hasEntries, type Proved, proveEntry } from './provenance/ledger/prove.ts';
export type {
  TrustOptions as LedgerTrustOptions,
  VerifiedSignature,
} from './provenance/ledger/trust.ts';
export { type ProofReport, verifyLedgerProof } from './provenance/ledger/verify.ts';
export {
  addCosignatures,
  type Witnessed,
  type WitnessOptions,
  witnessLedger,
} from './provenance/ledger/witness.ts';
export { formatParent, type Parent, parseParent } from './provenance/lineage.ts';
export {
  decodeOmsPrivateKey,
  decodeOmsPublicKey,
  isEncryptedPem,
  type OmsPrivateKey,
  type OmsPublicKey,
} from './provenance/oms/key.ts';
export type { Proof } from './provenance/proofs.ts';
export { custodyPathOf, type Repair, repairCustody } from './provenance/statements/file.ts';
