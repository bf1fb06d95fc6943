/** A request as the gateway sees it: every part once, decoded, and as it was sent. */
import type { IncomingMessage } from 'node:http';

export interface GatewayRequest {
  readonly method: string;
  /** Path as it was sent, without the query. */
  readonly rawPath: string;
  /** Bucket and key, decoded; empty where the path ends before them. */
  readonly bucket: string;
  readonly key: string;
  /** Names and values of the query, decoded, in order. */
  readonly query: readonly (readonly [name: string, value: string])[];
  /** By name in lower case; several of one name are joined. */
  readonly headers: ReadonlyMap<string, string>;
}

/**
 * @returns `undefined` for a target that is not a path, or not well-formed UTF-8, and for more
 *   than one Host (RFC 9112, section 3.2).
 */
export function readRequest({ method = '', url = '', rawHeaders }: IncomingMessage) {
  const at = url.indexOf('?');
  const rawPath = at < 0 ? url : url.slice(0, at);
  const rawQuery = at < 0 ? '' : url.slice(at + 1);
  if (!rawPath.startsWith('/') || countHosts(rawHeaders) > 1) return undefined;
  const slash = rawPath.indexOf('/', 1);
  const end = slash < 0 ? rawPath.length : slash;
  try {
    const query = rawQuery
      .split('&')
      .filter((pair) => pair !== '')
      .map((pair) => {
        const equals = pair.indexOf('=');
        const [name, value] =
          equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
        return [decodeURIComponent(name), decodeURIComponent(value)] as const;
      });
    return {
      method,
      rawPath,
      bucket: decodeURIComponent(rawPath.slice(1, end)),
      key: decodeURIComponent(rawPath.slice(end + 1)),
      query,
      headers: joined(rawHeaders),
    } satisfies GatewayRequest;
  } catch {
    return undefined;
  }
}

/** The value of a query's parameter; the first, if there are several. */
export const parameter = ({ query }: GatewayRequest, name: string): string | undefined =>
  query.find(([each]) => each === name)?.[1];

const countHosts = (rawHeaders: readonly string[]): number =>
  rawHeaders.filter((each, i) => i % 2 === 0 && each.toLowerCase() === 'host').length;

function joined(rawHeaders: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const value = (rawHeaders[i + 1] as string).trim().replace(/ +/g, ' ');
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return headers;
}
