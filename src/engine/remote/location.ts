/**
 * What is named by an address instead of a path: `http:`, `https:` and `s3://bucket/key`.
 * Queries carry signatures and tokens, so that no message shows one.
 */
import { StrongroomError } from '../../errors.ts';
import { authorizationFor, type HeaderFields } from './authorization.ts';

/** What tells one state of a remote object from the next; found once, then held to. */
export interface RemoteState {
  /** In bytes. */
  readonly size: number;
  /** As the server writes it, quotes and weakness included. */
  readonly etag?: string | undefined;
  /** Only where it may stand in If-Range (RFC 9110, section 13.1.5). */
  readonly lastModified?: string | undefined;
}

export interface HttpLocation {
  readonly kind: 'http';
  readonly url: string;
  /** Shown to the server of `url`, and to no other; secret. */
  readonly authorization?: HeaderFields;
  readonly state?: RemoteState;
}

export interface S3Location {
  readonly kind: 's3';
  readonly bucket: string;
  readonly key: string;
  readonly state?: RemoteState;
}

export type RemoteLocation = HttpLocation | S3Location;

export const isRemote = (path: string): boolean => /^(https?|s3):\/\//i.test(path);

/**
 * The location that an address names; `undefined` for a path.
 * @throws StrongroomError USAGE for an address that is malformed or holds a password.
 */
export function remoteLocation(address: string): RemoteLocation | undefined {
  if (!isRemote(address)) return undefined;
  return /^s3:/i.test(address) ? s3Location(address) : httpLocation(address);
}

/** An address or path as messages may show it: without what may be secret in it. */
export function shownName(path: string): string {
  if (!/^https?:\/\//i.test(path)) return path;
  const [shown = '', rest] = path.split(/[?#]/, 2);
  return shown.replace(/^([a-z]+:\/\/)[^/]*@/i, '$1') + (rest === undefined ? '' : '?…');
}

function httpLocation(address: string): HttpLocation {
  const name = shownName(address);
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new StrongroomError('USAGE', `${name}: not an address`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new StrongroomError('USAGE', `${name}: holds a user name or a password`, {
      hint: 'others on this machine would see it: show it in a header, by --http-header',
    });
  }
  url.hash = '';
  const authorization = authorizationFor(url);
  return { kind: 'http', url: url.href, ...(authorization === undefined ? {} : { authorization }) };
}

function s3Location(address: string): S3Location {
  // Not a URL: a key may hold anything, and is taken as it is
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/is.exec(address) ?? [];
  if (bucket !== undefined && key !== undefined && !key.endsWith('/')) {
    return { kind: 's3', bucket, key };
  }
  throw new StrongroomError('USAGE', `${address}: not an object`, {
    hint: 'name it like s3://bucket/path/weights.srm',
  });
}

export const nameOf = (location: RemoteLocation): string =>
  location.kind === 's3' ? `s3://${location.bucket}/${location.key}` : shownName(location.url);
