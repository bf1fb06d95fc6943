/**
 * What this process shows to HTTP servers that want to know who asks: header fields by origin
 * (RFC 6454). They go to that origin alone, never along with a redirect to another, and reach
 * threads within the location of a source.
 */
import { StrongroomError } from '../../errors.ts';

export type HeaderFields = Readonly<Record<string, string>>;

const longestValue = 8192;
/** RFC 9110, sections 5.6.2 and 5.5, of which only what is a byte. */
const namePattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const valuePattern = /^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/;

/** Fields that say what is asked for, or how; who asks is none of them. */
const ours =
  /^(accept-encoding|connection|content-.*|expect|host|if-.*|keep-alive|range|te|trailer|transfer-encoding|upgrade)$/i;

const byOrigin = new Map<string, HeaderFields>();

/**
 * Sends `fields` with every request to the server of `address`, from now on and in this process.
 * @param fields values by name; secret, and told in no message.
 * @throws StrongroomError USAGE for an address that is not HTTP, or would send them over a
 *   network in the clear; for a name or a value that no field can have.
 */
export function authorizeHttp(address: string, fields: HeaderFields): void {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    throw new StrongroomError('USAGE', 'a header goes with addresses of http: and https: only');
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new StrongroomError('USAGE', `${url.origin}: a header would be read on the network`, {
      hint: 'use an address of https:',
    });
  }
  for (const [name, value] of Object.entries(fields)) assertField(name, value);
  byOrigin.set(url.origin, { ...byOrigin.get(url.origin), ...fields });
}

function assertField(name: string, value: string): void {
  const wrong = (what: string) => new StrongroomError('USAGE', what);
  if (!namePattern.test(name)) throw wrong('the name of a header has letters, digits and hyphens');
  if (ours.test(name)) throw wrong(`the header ${name} says nothing of who asks`);
  if (value.length <= longestValue && valuePattern.test(value)) return;
  throw wrong(`the value of the header ${name} is empty, too long, or not one line of text`);
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host);

/** What the server of `url` is shown. */
export const authorizationFor = ({ origin }: URL): HeaderFields | undefined => byOrigin.get(origin);
