/**
 * AWS Signature Version 4, checked: in the Authorization header or in the query (a presigned URL).
 * Source: "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference,
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
import { createHash, createHmac } from 'node:crypto';
import { equal, utf8 } from '../bytes.ts';
import { type GatewayRequest, parameter } from './request.ts';

export interface SigningKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Why a signature is refused, in the words of S3. */
export type SignatureFault =
  | 'AuthorizationHeaderMalformed'
  | 'InvalidAccessKeyId'
  | 'RequestTimeTooSkewed'
  | 'AccessDenied'
  | 'SignatureDoesNotMatch'
  | 'XAmzContentSHA256Mismatch';

const algorithm = 'AWS4-HMAC-SHA256';
const unsigned = 'UNSIGNED-PAYLOAD';
/** SHA-256 of nothing: the requests that are answered have no body. */
const emptyHash = createHash('sha256').digest('hex');

/** How far the clocks may be apart. */
const skewMs = 15 * 60 * 1000;
const mostExpiresSeconds = 7 * 24 * 3600;

/** Whether a request claims to be signed, rightly or not. */
export const isSigned = (request: GatewayRequest): boolean =>
  parameter(request, 'X-Amz-Algorithm') !== undefined ||
  (request.headers.get('authorization') ?? '').startsWith('AWS4-');

interface Claim {
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
  /** As `20130524T000000Z`. */
  readonly date: string;
  readonly payloadHash: string;
  /** For how long it holds before and after `date`, in milliseconds. */
  readonly validMs: readonly [before: number, after: number];
}

/**
 * Holds a request against its signature.
 * @returns what is wrong with it; `undefined` if nothing is.
 */
export function checkSignature(
  request: GatewayRequest,
  key: SigningKey,
  now: number = Date.now(),
): SignatureFault | undefined {
  const isPresigned = parameter(request, 'X-Amz-Algorithm') !== undefined;
  const claim = isPresigned ? claimOfQuery(request) : claimOfHeader(request);
  if (claim === undefined) return 'AuthorizationHeaderMalformed';
  const scope = claim.credential.split('/');
  const [accessKeyId = '', day = '', region = '', service, end] = scope;
  if (scope.length !== 5 || service !== 's3' || end !== 'aws4_request') {
    return 'AuthorizationHeaderMalformed';
  }
  if (!sameText(accessKeyId, key.accessKeyId)) return 'InvalidAccessKeyId';
  const time = timeOf(claim.date);
  if (time === undefined || day !== claim.date.slice(0, 8)) return 'AuthorizationHeaderMalformed';
  const [before, after] = claim.validMs;
  if (now < time - before) return 'RequestTimeTooSkewed';
  if (now > time + after) return isPresigned ? 'AccessDenied' : 'RequestTimeTooSkewed';
  if (claim.payloadHash !== unsigned && claim.payloadHash !== emptyHash) {
    return 'XAmzContentSHA256Mismatch';
  }
  const names = claim.signedHeaders.split(';');
  if (!coversEnough(names, request)) return 'AccessDenied';
  const canonical = canonicalRequest(request, names, claim.payloadHash);
  const credentialScope = scope.slice(1).join('/');
  const digest = createHash('sha256').update(canonical).digest('hex');
  const text = [algorithm, claim.date, credentialScope, digest].join('\n');
  const signing = [day, region, 's3', 'aws4_request'].reduce<Buffer | string>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${key.secretAccessKey}`,
  );
  const expected = createHmac('sha256', signing).update(text).digest('hex');
  return sameText(expected, claim.signature) ? undefined : 'SignatureDoesNotMatch';
}

/** Equality in time that depends on the lengths alone. */
export const sameText = (a: string, b: string): boolean => equal(utf8(a), utf8(b));

function claimOfHeader({ headers }: GatewayRequest): Claim | undefined {
  const [scheme, rest = ''] = (headers.get('authorization') ?? '').split(/ (.*)/s);
  if (scheme !== algorithm) return undefined;
  const parts = new Map(
    rest.split(',').map((part) => {
      const [name = '', value = ''] = part.trim().split(/=(.*)/s);
      return [name, value] as const;
    }),
  );
  const [credential, signedHeaders, signature] = ['Credential', 'SignedHeaders', 'Signature'].map(
    (name) => parts.get(name),
  );
  const date = headers.get('x-amz-date');
  const payloadHash = headers.get('x-amz-content-sha256');
  if (!credential || !signedHeaders || !signature || !date || !payloadHash) return undefined;
  return { credential, signedHeaders, signature, date, payloadHash, validMs: [skewMs, skewMs] };
}

function claimOfQuery(request: GatewayRequest): Claim | undefined {
  const [scheme, credential, signedHeaders, signature, date, expires] = [
    'Algorithm',
    'Credential',
    'SignedHeaders',
    'Signature',
    'Date',
    'Expires',
  ].map((name) => parameter(request, `X-Amz-${name}`));
  const seconds = Number(expires);
  const isSpan = Number.isInteger(seconds) && seconds > 0 && seconds <= mostExpiresSeconds;
  if (scheme !== algorithm || !credential || !signedHeaders || !signature || !date || !isSpan) {
    return undefined;
  }
  const validMs = [skewMs, seconds * 1000] as const;
  return { credential, signedHeaders, signature, date, payloadHash: unsigned, validMs };
}

function timeOf(date: string): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)?.slice(1);
  if (parts === undefined) return undefined;
  const [year, month, day, hour, minute, second] = parts;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? undefined : time;
}

/** S3 wants the host and every header of its own to be signed. */
function coversEnough(names: readonly string[], { headers }: GatewayRequest): boolean {
  if (!names.includes('host')) return false;
  return [...headers.keys()].every((name) => !name.startsWith('x-amz-') || names.includes(name));
}

function canonicalRequest(
  { method, rawPath, query, headers }: GatewayRequest,
  names: readonly string[],
  payloadHash: string,
): string {
  const pairs = query
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, x], [b, y]) => order(a, b) || order(x, y))
    .map((pair) => pair.join('='));
  const path = rawPath
    .split('/')
    .map((part) => encode(decodeURIComponent(part)))
    .join('/');
  const lines = names.map((name) => `${name}:${headers.get(name) ?? ''}\n`).join('');
  return [method, path, pairs.join('&'), lines, names.join(';'), payloadHash].join('\n');
}

const order = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** RFC 3986, with nothing reserved left as it is. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
