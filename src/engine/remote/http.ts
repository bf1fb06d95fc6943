/**
 * Ranges over HTTP and HTTPS: RFC 9110, sections 13.1.5 (If-Range), 14 (range requests) and
 * 15.4 (redirection).
 *
 * The client is Node's own, with its agents: proxies and authorities are what Node is told.
 */
import { get as httpGet, type IncomingMessage, type RequestOptions } from 'node:http';
import { get as httpsGet } from 'node:https';
import { type ErrorCode, StrongroomError } from '../../errors.ts';
import type { OpenedSource } from '../source.ts';
import type { HeaderFields } from './authorization.ts';
import { type Part, receive, StalledError, usualStallMs, watchStall } from './body.ts';
import { type HttpLocation, nameOf, type RemoteState } from './location.ts';
import { firstRange, linkedController, type RemoteOptions, rangeSource } from './ranges.ts';
import { assertSameState, contentRange, type FoundRange, remoteChanged } from './state.ts';
import { isTransientCode, isTransientStatus, persist, TransientError } from './transient.ts';

const mostRedirects = 5;

/** @throws StrongroomError as `openSource`. */
export async function openHttp(
  location: HttpLocation,
  options: RemoteOptions = {},
): Promise<OpenedSource> {
  const controller = linkedController(options.signal);
  const client = new HttpRanges(location, options.stallMs ?? usualStallMs);
  const request = (part: Part, offset: number, signal: AbortSignal) =>
    client.request(part, offset, signal);
  if (location.state !== undefined) {
    const { state } = location;
    return rangeSource({ location, state, front: new Uint8Array(0), request }, controller);
  }
  const front = { into: new Uint8Array(firstRange.length), filled: 0 };
  const probe = () => client.request(front, firstRange.offset, controller.signal);
  await persist(probe, controller.signal, () => front.filled);
  const bytes = front.into.subarray(0, front.filled);
  return rangeSource({ location, state: client.stateFound, front: bytes, request }, controller);
}

/** The requests for one object, all held to the state in which it was found. */
class HttpRanges {
  readonly #name: string;
  readonly #origin: URL;
  readonly #authorization: HeaderFields;
  readonly #stallMs: number;
  #state: RemoteState | undefined;
  /** Where redirects led, which is asked first. */
  #target: URL;

  constructor(location: HttpLocation, stallMs: number) {
    this.#name = nameOf(location);
    this.#origin = new URL(location.url);
    this.#authorization = location.authorization ?? {};
    this.#target = this.#origin;
    this.#stallMs = stallMs;
    this.#state = location.state;
  }

  get stateFound(): RemoteState {
    return this.#state as RemoteState;
  }

  /** Fills what `part` misses; the first request of all may shorten it to what there is. */
  async request(part: Part, offset: number, signal: AbortSignal): Promise<void> {
    const from = offset + part.filled;
    const to = Math.min(offset + part.into.length, this.#state?.size ?? Infinity) - 1;
    // All came, and then the connection broke off
    if (from > to) return;
    const response = await this.#follow(rangeHeaders(from, to, this.#state), signal);
    try {
      const found = this.#accept(response, from, to);
      if (found.size === 0) return;
      // Only the probe does not know the size, and it asks from the front
      const into = part.into.subarray(0, found.to + 1 - offset);
      const got = { into, filled: part.filled };
      try {
        const whole = await receive(response, got, this.#stallMs);
        if (!whole) throw this.#transient('the server sent another length than it stated');
      } finally {
        part.filled = got.filled;
      }
    } catch (error) {
      throw this.#failure(error);
    } finally {
      response.destroy();
    }
  }

  /** The response to a GET, redirects followed. */
  async #follow(headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    let url = this.#target;
    for (let redirects = 0; redirects <= mostRedirects; redirects++) {
      const response = await this.#get(url, headers, signal);
      const { statusCode: status = 0, headers: answered } = response;
      const leads = [301, 302, 303, 307, 308].includes(status) && answered.location !== undefined;
      if (!leads) {
        // An address that was signed for a while may have expired: the first one gives another
        const expired = [400, 401, 403, 404, 410].includes(status) && url !== this.#origin;
        if (expired && redirects === 0) {
          response.destroy();
          this.#target = this.#origin;
          url = this.#origin;
          continue;
        }
        this.#target = url;
        return response;
      }
      response.destroy();
      url = this.#redirected(url, answered.location as string);
    }
    throw this.#error('REMOTE_FAILED', 'leads from one address to the next without end');
  }

  #redirected(from: URL, location: string): URL {
    let to: URL;
    try {
      to = new URL(location, from);
    } catch {
      throw this.#error('REMOTE_FAILED', 'leads to what is not an address');
    }
    // Nothing of ours goes along; what the server put in is not for another one either
    to.username = '';
    to.password = '';
    const secure = from.protocol === 'https:';
    if (to.protocol === 'https:' || (to.protocol === 'http:' && !secure)) return to;
    throw this.#error('REMOTE_FAILED', `leads to an address of ${to.protocol.slice(0, -1)}`);
  }

  #get(url: URL, asked: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    const get = url.protocol === 'https:' ? httpsGet : httpGet;
    // Who asks is the business of the server that was named, not of those it leads to
    const isNamed = url.origin === this.#origin.origin;
    const headers = isNamed ? { ...this.#authorization, ...asked } : asked;
    const options: RequestOptions = { headers, signal };
    return new Promise<IncomingMessage>((resolve, reject) => {
      const request = get(url, options);
      const watch = watchStall(this.#stallMs, (error) => request.destroy(error));
      request.on('response', (response) => {
        watch.stop();
        resolve(response);
      });
      request.on('error', (error) => {
        watch.stop();
        reject(this.#failure(error));
      });
    });
  }

  /** Holds a response against what was asked, and against the state that was found. */
  #accept(response: IncomingMessage, from: number, to: number): FoundRange {
    const { statusCode: status = 0, headers } = response;
    const etag = headers.etag;
    if (status === 206) {
      const range = contentRange(headers['content-range']);
      const encoded = (headers['content-encoding'] ?? 'identity') !== 'identity';
      if (range === undefined || encoded) {
        throw this.#error('REMOTE_FAILED', 'answers a range with what is not one');
      }
      const { size } = range;
      this.#state ??= { size, etag, lastModified: strongDate(headers) };
      assertSameState(this.#name, this.#state, { size, etag });
      if (range.from !== from || range.to !== Math.min(to, size - 1)) {
        throw this.#transient('the server sent another range than it was asked for');
      }
      return range;
    }
    if (status === 200) {
      if (this.#state !== undefined && isOther(this.#state, headers)) {
        throw remoteChanged(this.#name);
      }
      throw this.#error('RANGES_UNSUPPORTED', 'its server sends all of it or nothing');
    }
    if (status === 412) throw remoteChanged(this.#name);
    if (status === 416) {
      // Nothing there to have a range of, or less than before
      if (this.#state !== undefined) throw remoteChanged(this.#name);
      this.#state = { size: 0, etag };
      return { from, to: from - 1, size: 0 };
    }
    const refusal = refusals[status];
    if (refusal !== undefined) throw this.#error(...refusal);
    if (isTransientStatus(status)) {
      const reason = this.#error('REMOTE_FAILED', `its server answers with status ${status}`);
      throw new TransientError(reason, retryAfter(headers['retry-after']));
    }
    throw this.#error('REMOTE_FAILED', `its server answers with status ${status}`);
  }

  #error(code: ErrorCode, what: string, hint?: string): StrongroomError {
    const said = { file: this.#name, ...(hint === undefined ? {} : { hint }) };
    return new StrongroomError(code, `${this.#name}: ${what}`, said);
  }

  #transient(what: string): TransientError {
    return new TransientError(this.#error('NETWORK', what));
  }

  /** What a connection failed with, in words that hold no address. */
  #failure(error: unknown): unknown {
    if (error instanceof StrongroomError || error instanceof TransientError) return error;
    if (error instanceof StalledError) return this.#transient('the server sends nothing any more');
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOTFOUND') return this.#error('NETWORK', 'no such host');
    if (code === 'ECONNREFUSED') return this.#transient('nothing answers at its address');
    const broke = code === '' || isTransientCode(code);
    const what = broke ? 'the connection broke off' : 'no connection';
    const reason = this.#error('NETWORK', code === '' ? what : `${what} (${code})`);
    return broke ? new TransientError(reason) : reason;
  }
}

const notThere = 'check the address';

const refusals: Readonly<Record<number, readonly [ErrorCode, string, hint?: string]>> = {
  401: [
    'PERMISSION_DENIED',
    'its server wants to know who asks',
    'name what to show it: --http-header "Authorization: Bearer {env:TOKEN}"',
  ],
  403: [
    'PERMISSION_DENIED',
    'its server does not allow it',
    'ask whoever runs it for access, or show it another --http-header',
  ],
  404: ['NOT_FOUND', 'not there', notThere],
  407: [
    'PERMISSION_DENIED',
    'the proxy does not allow it',
    'ask whoever runs the proxy for access',
  ],
  410: ['NOT_FOUND', 'not there any more', notThere],
};

function rangeHeaders(from: number, to: number, state?: RemoteState): Record<string, string> {
  const validator = state?.etag?.startsWith('"') ? state.etag : state?.lastModified;
  return {
    range: `bytes=${from}-${to}`,
    // What is compressed on the way has other ranges
    'accept-encoding': 'identity',
    ...(validator === undefined ? {} : { 'if-range': validator }),
  };
}

/** Whether a whole response to a range is of another state, and not of a server without ranges. */
const isOther = (state: RemoteState, headers: IncomingMessage['headers']): boolean =>
  headers.etag !== state.etag ||
  (state.lastModified !== undefined && headers['last-modified'] !== state.lastModified);

/** Last-Modified where it is strong: a second or more before the response was made. */
function strongDate(headers: IncomingMessage['headers']): string | undefined {
  const modified = headers['last-modified'];
  const age = Date.parse(headers.date ?? '') - Date.parse(modified ?? '');
  return age >= 1000 ? modified : undefined;
}

/** Retry-After in milliseconds: seconds or a date. */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
