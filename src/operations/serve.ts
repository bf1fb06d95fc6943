/** Serving: archives become plain HTTP and S3 for loaders on the same machine. */

import { StrongroomError } from '../errors.ts';
import { isLocal, listenAt, parseAddress, urlOf } from '../gateway/address.ts';
import { type Bucket, createBucket, nameArchives } from '../gateway/bucket.ts';
import { type Credentials, createCredentials } from '../gateway/credentials.ts';
import { createGateway } from '../gateway/server.ts';
import { type LoaderOptions, type OpenArchive, openArchive } from './loader.ts';

export interface ServeOptions extends LoaderOptions {
  /** `HOST:PORT` or `unix:PATH`; `127.0.0.1:0`, any free port, by default. */
  readonly listen?: string | undefined;
  /** Listen where other machines get to, too: plaintext then passes over the network. */
  readonly exposed?: boolean | undefined;
  /** Connections at once; 256 by default. */
  readonly maxConnections?: number | undefined;
  /** Told why a response was broken off; `path` is the one that was asked for. */
  readonly onFailure?: ((error: unknown, path: string) => void) | undefined;
}

export interface Gateway {
  /** Without a slash at its end. Of a socket: what to put before a path. */
  readonly url: string;
  /** Path of the socket, if it listens at one. */
  readonly socket?: string;
  readonly credentials: Credentials;
  readonly archives: readonly {
    /** The first part of every path, and the bucket. */
    readonly name: string;
    readonly archive: string;
    readonly contentRoot: string;
    readonly author: { readonly name: string; readonly fingerprint: string };
    readonly files: number;
  }[];
  /** What clients take from their environment; secret. */
  readonly environment: Readonly<Record<string, string>>;
  /** Lets responses end for so long, then breaks them off; wipes keys and plaintext. */
  close(graceMs?: number): Promise<void>;
}

const defaults = {
  listen: '127.0.0.1:0',
  maxConnections: 256,
  cacheBytes: 256 * 2 ** 20,
  graceMs: 5000,
};

/**
 * Opens archives, each `PATH` or `NAME=PATH`, and serves them until it is closed.
 * @throws StrongroomError USAGE; and as `openArchive`.
 */
export async function serve(archives: readonly string[], options: ServeOptions): Promise<Gateway> {
  const address = parseAddress(options.listen ?? defaults.listen);
  if (!isLocal(address) && options.exposed !== true) {
    throw new StrongroomError('USAGE', `${options.listen}: other machines get there`, {
      hint: 'listen on 127.0.0.1 or a socket; --expose sends plaintext over the network',
    });
  }
  const served = nameArchives(archives);
  const cacheBytes = (options.cacheBytes ?? defaults.cacheBytes) / served.length;
  const open: (readonly [name: string, archive: OpenArchive])[] = [];
  const closeArchives = () => Promise.all(open.map(([, archive]) => archive.close()));
  try {
    for (const { name, path } of served) {
      open.push([name, await openArchive(path, { ...options, cacheBytes })]);
    }
    const credentials = createCredentials();
    const buckets = open.map(([name, archive]): Bucket => createBucket(name, archive));
    const server = createGateway({
      buckets,
      credentials,
      statistics: () => open.map(([name, archive]) => [name, archive.statistics()] as const),
      onFailure: options.onFailure ?? (() => {}),
      maxConnections: options.maxConnections ?? defaults.maxConnections,
    });
    await listenAt(server, address);
    const url = urlOf(server);
    let closing: Promise<void> | undefined;
    const close = async (graceMs: number) => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(timer);
      await closeArchives();
    };
    return {
      url,
      ...(address.kind === 'unix' ? { socket: address.path } : {}),
      credentials,
      archives: open.map(([name, { archive, contentRoot, author, files }]) => ({
        name,
        archive,
        contentRoot,
        author,
        files: files().length,
      })),
      environment: environmentOf(url, credentials, address.kind === 'unix' ? address.path : ''),
      close(graceMs = defaults.graceMs) {
        closing ??= close(graceMs);
        return closing;
      },
    };
  } catch (error) {
    await closeArchives();
    throw error;
  }
}

/** Names that AWS SDKs, and what builds upon them, read. */
const environmentOf = (url: string, credentials: Credentials, socket: string) => ({
  STRONGROOM_URL: url,
  STRONGROOM_TOKEN: credentials.token,
  ...(socket === '' ? {} : { STRONGROOM_SOCKET: socket }),
  AWS_ENDPOINT_URL: url,
  // It counts before the other one: that of a store, whose archives are served here, must not stay
  AWS_ENDPOINT_URL_S3: url,
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  AWS_REGION: 'us-east-1',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_EC2_METADATA_DISABLED: 'true',
  RUNAI_STREAMER_S3_USE_VIRTUAL_ADDRESSING: '0',
});
