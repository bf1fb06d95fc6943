/** The client of the object store: loaded when it is needed, told nothing but the environment. */
import type * as Sdk from '@aws-sdk/client-s3';
import { asStrongroomError, type ErrorCode, StrongroomError } from '../../errors.ts';
import { StalledError } from './body.ts';
import { remoteChanged } from './state.ts';
import { isTransientCode, isTransientStatus, TransientError } from './transient.ts';

export interface S3 {
  readonly client: Sdk.S3Client;
  readonly sdk: typeof Sdk;
}

let loaded: Promise<S3> | undefined;

/**
 * One client in each thread.
 * @throws StrongroomError S3_UNAVAILABLE where the package is not installed.
 */
export function s3Client(): Promise<S3> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<S3> {
  let sdk: typeof Sdk;
  try {
    sdk = await import('@aws-sdk/client-s3');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new StrongroomError('S3_UNAVAILABLE', 'the package @aws-sdk/client-s3 is not there');
  }
  const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const elsewhere = AWS_ENDPOINT_URL_S3 !== undefined || AWS_ENDPOINT_URL !== undefined;
  const settings: Sdk.S3ClientConfig = {
    // Attempts are counted in one place, ours
    maxAttempts: 1,
    // A store of one's own seldom has a name for every bucket
    forcePathStyle: elsewhere,
    followRegionRedirects: true,
    // Our checksums go along as plain headers, which every store takes or ignores
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: 10_000, requestTimeout: 120_000 },
    logger: silent,
  };
  const region = AWS_REGION ?? AWS_DEFAULT_REGION;
  const given = region === undefined ? {} : { region };
  const client = new sdk.S3Client({ ...settings, ...given });
  try {
    await client.config.region();
    return { client, sdk };
  } catch {
    // Any will do: a store elsewhere has none, and AWS leads to the right one
    return { client: new sdk.S3Client({ ...settings, region: 'us-east-1' }), sdk };
  }
}

/** Its warnings are for developers of the caller, and standard error is the user's. */
const silent = { debug() {}, info() {}, warn() {}, error() {}, trace() {} };

const notThere = 'check bucket and key, and which store AWS_ENDPOINT_URL names';
const notAllowed = 'ask whoever owns the bucket for access, or use other credentials';
const wrongCredentials = 'check the credentials, and which store AWS_ENDPOINT_URL names';

/** What the store says, by the names of its error codes. */
const refusals: Readonly<Record<string, readonly [ErrorCode, string, hint?: string]>> = {
  NoSuchKey: ['NOT_FOUND', 'not there', notThere],
  NotFound: ['NOT_FOUND', 'not there', notThere],
  NoSuchBucket: ['NOT_FOUND', 'there is no such bucket', notThere],
  NoSuchUpload: ['UPLOAD_INVALID', 'its upload was given up by someone'],
  InvalidPart: ['REMOTE_FAILED', 'a part of its upload was replaced meanwhile; try again'],
  AccessDenied: ['PERMISSION_DENIED', 'the store does not allow it', notAllowed],
  Forbidden: ['PERMISSION_DENIED', 'the store does not allow it', notAllowed],
  InvalidAccessKeyId: [
    'PERMISSION_DENIED',
    'the store does not know the access key',
    wrongCredentials,
  ],
  SignatureDoesNotMatch: [
    'PERMISSION_DENIED',
    'the store does not accept the secret key',
    wrongCredentials,
  ],
  ExpiredToken: [
    'PERMISSION_DENIED',
    'the credentials have expired',
    'get new ones, as by a login',
  ],
  CredentialsProviderError: [
    'PERMISSION_DENIED',
    'there are no credentials for the store',
    'set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  ],
};

/** Statuses that stores answer with where they name no code, as to a HEAD. */
const statuses: Readonly<Record<number, keyof typeof refusals>> = {
  401: 'AccessDenied',
  403: 'AccessDenied',
  404: 'NotFound',
};

const transientNames = new Set([
  'InternalError',
  'RequestTimeTooSkewed',
  'RequestTimeout',
  'ServiceUnavailable',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
]);

/** An error of the client as ours: a TransientError where another attempt may do. */
export function s3Failure(thrown: unknown, name: string): unknown {
  if (thrown instanceof StrongroomError || thrown instanceof TransientError) return thrown;
  const error = thrown as Sdk.S3ServiceException & { code?: string };
  const made = (code: ErrorCode, what: string, hint?: string) =>
    new StrongroomError(code, `${name}: ${what}`, {
      file: name,
      ...(hint === undefined ? {} : { hint }),
    });
  const status = error.$metadata?.httpStatusCode ?? 0;
  const code = error.code ?? '';
  if (error instanceof StalledError) {
    return new TransientError(made('NETWORK', 'the store sends nothing any more'));
  }
  if (status === 412 || error.name === 'PreconditionFailed') return remoteChanged(name);
  if (transientNames.has(error.name) || isTransientStatus(status)) {
    return new TransientError(made('REMOTE_FAILED', `the store answers with ${said(error)}`));
  }
  const refusal = refusals[error.name] ?? refusals[statuses[status] ?? ''];
  if (refusal !== undefined) return made(...refusal);
  if (status > 0) return made('REMOTE_FAILED', `the store answers with ${said(error)}`);
  if (code === 'ECONNREFUSED') {
    return new TransientError(made('NETWORK', 'nothing answers at its address'));
  }
  const connection = isTransientCode(code) || isTransientCode(error.name);
  if (connection) return new TransientError(made('NETWORK', 'the connection broke off'));
  if (code === 'ENOTFOUND') return made('NETWORK', 'no such host');
  if (code !== '') return made('NETWORK', `no connection (${code})`);
  return asStrongroomError(thrown, name);
}

/** The code of the store, or the status where there is none. */
const said = ({ name, $metadata }: Sdk.S3ServiceException): string => {
  const status = $metadata?.httpStatusCode ?? 0;
  return /^[A-Za-z0-9.]{1,64}$/.test(name) && name !== 'Error' && name !== 'UnknownError'
    ? `${name} (status ${status})`
    : `status ${status}`;
};
