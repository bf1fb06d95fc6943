/**
 * Every way in which Strongroom refuses, in one table: a stable code, its exit
 * status, and the next step that helps in most cases.
 *
 * Callers switch on `code`; people read `message` and `hint`.
 */

/** Exit statuses of the command. */
export const exitStatus = {
  ok: 0,
  failure: 1,
  usage: 2,
  verification: 3,
  noKey: 4,
  interrupted: 130,
} as const;

const { failure, usage, verification, noKey, interrupted } = exitStatus;

/** For what was signed like this by its author, unless it was altered. */
const unsound = 'fetch the archive again, or ask its author for another';

const codes = {
  // How the command or function was called
  USAGE: [usage],
  NO_RECIPIENTS: [usage, 'name at least one recipient: -r CARD'],
  NO_TRUST: [usage, 'name whom you trust: --signer CARD or --trust POLICY'],
  SAME_FILE: [usage, 'choose another output'],
  OUTPUT_EXISTS: [usage, 'choose another output, or move the old one away'],
  OUTPUT_IS_TERMINAL: [usage, 'redirect it to a file or a pipe'],
  NEEDS_RANDOM_ACCESS: [usage, 'save the archive to a file first'],

  // Keys and people
  PASSPHRASE_NEEDED: [usage, 'run it on a terminal, or use --passphrase-file or --passphrase-fd'],
  PASSPHRASE_WRONG: [noKey, 'check the passphrase and that it belongs to this identity'],
  IDENTITY_INVALID: [failure, 'give the file that keygen wrote'],
  CARD_INVALID: [failure, 'ask its owner for a fresh copy'],
  FINGERPRINT_MISMATCH: [verification, 'do not use this card: ask its owner for it once more'],
  CARD_EXPIRED: [failure, 'ask its owner for a card that is valid now'],
  POLICY_INVALID: [failure, 'see the trust policy section of docs/format.md'],
  PEM_INVALID: [failure, 'give the PEM that "strongroom card export" or another tool wrote'],
  KEY_INVALID: [failure, 'ask its owner for a fresh copy'],
  KEY_STATE: [failure, 'see its history with "strongroom keys show"'],
  KEY_UNLISTED: [failure, 'have a registry administrator add it: "strongroom keys add"'],
  KEY_COMPROMISED: [verification, 'have it sealed or granted anew by a key that is good'],
  REGISTRY_INVALID: [verification, 'restore the registry from its history'],
  REGISTRY_UNTRUSTED: [verification, 'name every administrator whom you trust: --admin CARD'],
  REGISTRY_FORKED: [
    verification,
    'remove one of the two events, then make it again after the other',
  ],
  REGISTRY_ROLLED_BACK: [verification, 'fetch the newest registry, or find out who removed events'],
  ANCHOR_NEEDED: [usage, 'name where its key lives with --anchor: see docs/anchors.md'],
  ANCHOR_UNAVAILABLE: [failure, 'see docs/anchors.md'],
  ANCHOR_REFUSED: [noKey, 'check that the anchor is the one that the identity was made with'],
  SUITE_MISMATCH: [failure, 'use cards and identities of one suite'],
  NO_KEY_FITS: [noKey, 'did you give the right --identity, and was it granted access?'],

  // The archive, from front to back
  NOT_AN_ARCHIVE: [verification, 'give the file that "strongroom seal" wrote'],
  VERSION_UNSUPPORTED: [verification, 'update Strongroom'],
  SUITE_UNKNOWN: [verification, 'update Strongroom'],
  CORE_INVALID: [verification, 'fetch the archive again'],
  KEYRING_INVALID: [verification, 'fetch the archive again, or use a detached key ring'],
  KEYRING_MISMATCH: [verification, 'the key ring is of another archive, or the core was altered'],
  KEYRING_MAC: [verification, 'fetch the archive again, or use a detached key ring'],
  KEYRING_UNTRUSTED: [
    verification,
    'trust the custodian who granted access, or fetch the key ring again',
  ],
  COMMIT_MISMATCH: [verification, 'fetch the archive again'],
  TRUNCATED: [verification, 'fetch the archive again'],
  TRAILING_BYTES: [verification, 'fetch the archive again'],
  FOOTER_INVALID: [verification, 'fetch the archive again'],
  SEAL_INVALID: [verification, 'fetch the archive again'],
  SEAL_MISMATCH: [verification, 'the seal is of another archive, or the archive was altered'],
  SEAL_UNTRUSTED: [verification, 'check who the author is with "strongroom inspect"'],
  PAYLOAD_INVALID: [verification, 'fetch the archive again'],
  MANIFEST_INVALID: [verification, unsound],
  TREE_INVALID: [verification, 'fetch the archive again'],
  SEGMENT_INVALID: [verification, 'fetch the archive again'],
  ENTRY_UNSAFE: [verification, 'have it renamed or left out, and sealed again'],
  TAR_INVALID: [verification, 'make the tar anew, of files and directories alone'],
  TAR_MISMATCH: [verification, unsound],

  // Custody: who may open an archive, as it changes
  RING_FULL: [
    failure,
    'write a detached key ring with --output, or make room with "strongroom rekey --room N"',
  ],
  RING_BUSY: [failure, 'wait until the other command is done, then try again'],
  EPOCH_ROLLBACK: [
    verification,
    'someone may have put back an older key ring: get the newest one, or give it with --keyring',
  ],
  GRANTER_UNTRUSTED: [failure, 'let the author or a custodian that the policy names do it'],
  ALREADY_GRANTED: [failure, 'see who can open it with "strongroom recipients"'],
  NOT_A_RECIPIENT: [failure, 'see who can open it with "strongroom recipients"'],
  LOCKED_OUT: [failure, 'let another custodian do it, or say --yes-lock-me-out'],

  // Quorums: what is asked, and what custodians answer
  QUORUM_INVALID: [usage, 'see the quorum section of docs/custody.md'],
  QUORUM_NEEDED: [
    failure,
    'deal it anew with --quorum SPEC and the cards of its custodians, or drop it: --without-quorums',
  ],
  NO_QUORUM: [failure, 'see who can open it with "strongroom inspect"'],
  REQUEST_INVALID: [verification, 'ask for the file once more'],
  REQUEST_MISMATCH: [verification, 'give the archive that is asked for, or ask anew'],
  REQUEST_EXPIRED: [verification, 'ask anew with "strongroom quorum request"'],
  REQUEST_KEY_INVALID: [failure, 'give the key that was written beside the request'],
  APPROVAL_INVALID: [verification, 'ask the custodian for the file once more'],
  APPROVAL_REPLAYED: [verification, 'ask the custodian to answer this request'],
  APPROVAL_OTHER_ARCHIVE: [verification, 'ask the custodian to answer this request'],
  APPROVAL_OTHER_SPLIT: [verification, 'ask the custodian to answer this request'],
  APPROVAL_DUPLICATE: [failure, 'give one approval of each custodian'],
  APPROVAL_DECLINED: [failure, 'nothing was written'],
  NOT_A_HOLDER: [noKey, 'see who holds shares with "strongroom inspect"'],
  SHARE_INVALID: [verification, 'ask another custodian, or reshare'],
  QUORUM_SHORT: [noKey],

  // Custody files: who made it, who touched it
  CUSTODY_INVALID: [verification, 'restore the custody file from a copy'],
  CUSTODY_TORN: [verification, 'cut off the broken line: "strongroom custody repair FILE"'],
  CUSTODY_BUSY: [failure, 'wait until the other command is done, then try again'],
  CUSTODY_BROKEN: [verification, 'restore the custody file from a copy'],
  CUSTODY_MISMATCH: [verification, 'give the custody file of this archive'],
  CUSTODY_UNTRUSTED: [
    verification,
    'trust whoever signed it in the role that it takes, or name their card: --card CARD',
  ],
  CUSTODY_INCOMPLETE: [
    verification,
    'find the missing lines in another copy, or record what is not: "strongroom custody record"',
  ],
  CLASSICAL_ONLY: [verification, 'have it signed by a quantum-safe algorithm too'],

  // Ceremonies
  CEREMONY_PLAN_INVALID: [usage, 'see the ceremony section of docs/custody.md'],
  CEREMONY_STOPPED: [failure, 'no key was kept: begin again'],
  TRANSCRIPT_INVALID: [verification, 'ask a witness for their copy'],
  TRANSCRIPT_MISMATCH: [verification, 'seal for the cards of the ceremony, as it wrote them'],
  TRANSCRIPT_UNTRUSTED: [
    verification,
    'name a witness whom you trust: --signer CARD or --trust POLICY',
  ],

  // Statements about models that travel with them
  OMS_INVALID: [verification, 'see docs/provenance.oms.md for what is supported'],
  OMS_UNTRUSTED: [verification, 'check whose key it is, and fetch the signature again'],
  OMS_MISMATCH: [verification, 'fetch the model again, or have it signed anew'],

  // Work plans: one archive by many machines
  PLAN_INVALID: [verification, 'ask whoever made the plan for it once more'],
  PLAN_UNTRUSTED: [verification, 'check who made the plan, and name their card: --signer CARD'],
  PLAN_EXPIRED: [failure, 'make a new plan'],
  PLAN_INCOMPLETE: [failure, 'let workers do those ranges, then finish again'],
  NOT_A_WORKER: [noKey, 'give the identity of a card that the plan was made with'],
  STAGE_INVALID: [verification, 'find out which worker put it there, and remove it'],
  RECEIPT_INVALID: [verification, 'remove it, and do its range again'],
  QUEUE_UNAVAILABLE: [failure, 'install them beside strongroom: npm install bullmq ioredis'],
  QUEUE_FAILED: [failure, 'check the address of the queue, and that Redis runs there'],
  QUEUE_LOST: [failure, 'submit the plan again: ranges that are done stay done'],
  QUEUE_STOPPED: [failure, 'mend what it says, then submit the plan again'],

  // Transparency logs
  LEDGER_INVALID: [verification, 'restore the log from a copy: see docs/ledger.md'],
  LEDGER_UNTRUSTED: [verification, 'check the log and the witnesses that the policy names'],
  LEDGER_FORKED: [verification, 'keep both checkpoints, they prove it, and ask who runs the log'],
  LEDGER_ROLLED_BACK: [verification, 'restore the log from a copy that has its latest entries'],
  LEDGER_INCOMPLETE: [verification, 'ask who keeps the custody file why it was not logged'],
  LEDGER_BUSY: [failure, 'wait until the other command is done, then try again'],
  LEDGER_POLICY_INVALID: [failure, 'see the policy section of docs/ledger.md'],
  LEDGER_KEY_INVALID: [failure, 'give the file that "strongroom ledger keygen" wrote'],
  NOT_LOGGED: [failure, 'append it with "strongroom ledger append"'],
  PROOF_INVALID: [verification, 'make the proof anew with "strongroom ledger prove"'],

  // Files and the machine
  NOT_FOUND: [failure, 'check how it is spelled, and in which directory you are'],
  NO_SUCH_ENTRY: [failure, 'list the files with "strongroom ls"'],
  NO_SUCH_TENSOR: [failure, 'list the tensors with "strongroom ls --tensors"'],
  RANGE_INVALID: [usage],
  MODEL_INVALID: [failure, 'ask the author: it is what was sealed, and not what its name says'],
  ARCHIVE_CLOSED: [usage],
  PERMISSION_DENIED: [failure, 'ask whoever owns it for access, or choose another place'],
  NO_MEMORY_TARGET: [failure, 'name a directory with --dir, or use --serve'],
  DISK_FULL: [failure, 'free some space, or choose another output'],
  SOURCE_CHANGED: [failure, 'seal again when nothing writes to it'],
  SOURCE_UNSUPPORTED: [failure, 'seal it in parts, each into an archive of its own'],
  SYMLINK: [failure, 'use --follow-symlinks to seal what the links point to'],
  IO: [failure, 'check the path, and the disk that it is on'],

  // What is read and written over a network
  NETWORK: [failure, 'check the connection, then try again'],
  REMOTE_FAILED: [failure, 'try again later, or ask whoever runs the server'],
  RANGES_UNSUPPORTED: [
    failure,
    'save the archive to a file first, or pipe it: curl URL | strongroom open - -o DIR …',
  ],
  S3_UNAVAILABLE: [failure, 'install it beside strongroom: npm install @aws-sdk/client-s3'],
  UPLOAD_BUSY: [failure, 'wait until the other command is done, then try again'],
  RESUME_BUSY: [failure, 'wait until the other command is done, then try again'],
  JOURNAL_INVALID: [
    verification,
    'to begin anew, remove it, and what it tells of: see docs/resume.md',
  ],
  JOURNAL_MISMATCH: [failure, 'see docs/resume.md'],
  UPLOAD_INVALID: [verification, 'remove the object, then seal again'],
  PIPE_CLOSED: [failure],
  INTERRUPTED: [interrupted],
  INTERNAL: [failure, 'please report this, with the command that led to it'],
} as const satisfies Record<string, readonly [status: number, hint?: string]>;

/** A stable name for one way to fail. */
export type ErrorCode = keyof typeof codes;

/** Where an error was found; every part is optional. */
export interface ErrorContext {
  /** What to do next, instead of the code's usual hint. */
  readonly hint?: string;
  readonly file?: string;
  readonly segment?: number;
  /** In bytes, within `file`. */
  readonly offset?: number;
  readonly cause?: unknown;
}

export class StrongroomError extends Error {
  override readonly name = 'StrongroomError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly file: string | undefined;
  readonly segment: number | undefined;
  readonly offset: number | undefined;

  constructor(code: ErrorCode, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    const [, hint] = codes[code] as readonly [number, string?];
    this.code = code;
    this.hint = context.hint ?? hint;
    this.file = context.file;
    this.segment = context.segment;
    this.offset = context.offset;
  }

  /** The exit status that the command ends with. */
  get exitStatus(): number {
    return codes[this.code][0];
  }
}

/** Whether `error` is a Strongroom error, of the given code if one is named. */
export function isStrongroomError(error: unknown, code?: ErrorCode): error is StrongroomError {
  return error instanceof StrongroomError && (code === undefined || error.code === code);
}

const systemErrors: Record<string, ErrorCode> = {
  ENOENT: 'NOT_FOUND',
  ENOTDIR: 'NOT_FOUND',
  EACCES: 'PERMISSION_DENIED',
  EPERM: 'PERMISSION_DENIED',
  EROFS: 'PERMISSION_DENIED',
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EFBIG: 'DISK_FULL',
  EEXIST: 'OUTPUT_EXISTS',
  EPIPE: 'PIPE_CLOSED',
};

const systemWords: Record<string, string> = {
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a part of the path is not a directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than is allowed here',
  EEXIST: 'it exists already',
  EIO: 'input or output error',
  EISDIR: 'it is a directory',
  EBADF: 'it is not open',
  EINVAL: 'it cannot be used like this',
  EMFILE: 'too many open files',
  ELOOP: 'it is a symbolic link, or leads through too many',
  EPIPE: 'the reader went away',
};

/** What to do, where the code's own hint says nothing or too little. */
const systemHints: Record<string, string> = {
  EISDIR: 'name a file',
  EMFILE: 'allow more with "ulimit -n", or use fewer --threads',
  EROFS: 'choose another place, on a file system that can be written to',
};

/**
 * Any thrown value as a StrongroomError: system errors get their code and plain
 * words, anything unexpected becomes `INTERNAL` with the original as cause.
 */
export function asStrongroomError(error: unknown, file?: string): StrongroomError {
  if (error instanceof StrongroomError) return error;
  const system = error as NodeJS.ErrnoException;
  if (error instanceof Error && typeof system.errno === 'number' && system.code) {
    const path = file ?? system.path;
    const words = systemWords[system.code] ?? system.code;
    const hint = systemHints[system.code];
    return new StrongroomError(
      systemErrors[system.code] ?? 'IO',
      path === undefined ? words : `${path}: ${words}`,
      {
        cause: error,
        ...(path === undefined ? {} : { file: path }),
        ...(hint === undefined ? {} : { hint }),
      },
    );
  }
  // No file has such a name, and Node does not ask the system for it
  if (file?.includes('\0')) {
    const words = `${file}: ${systemWords.ENOENT}`;
    return new StrongroomError('NOT_FOUND', words, { cause: error, file });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new StrongroomError('INTERNAL', message, { cause: error });
}
