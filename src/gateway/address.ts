/** Where the gateway listens: a port of this machine, or a socket in the file system. */
import { lstatSync, unlinkSync } from 'node:fs';
import { connect, isIPv4, isIPv6, type Server } from 'node:net';
import { asStrongroomError, StrongroomError } from '../errors.ts';

export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

const usage = (message: string, hint: string) => new StrongroomError('USAGE', message, { hint });

/**
 * `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`; port 0 is any that is free.
 * @throws StrongroomError USAGE.
 */
export function parseAddress(text: string): Address {
  if (text.startsWith('unix:') && text.length > 5) return { kind: 'unix', path: text.slice(5) };
  const [, v6, other, digits = ''] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = v6 ?? (other === 'localhost' ? '127.0.0.1' : other) ?? '';
  const port = Number(digits);
  if (digits === '' || port > 65535 || !(v6 === undefined ? isIPv4(host) : isIPv6(host))) {
    throw usage(`${text} is no address`, 'give it like 127.0.0.1:0, [::1]:8080 or unix:PATH');
  }
  return { kind: 'tcp', host, port };
}

/** Whether only this machine gets there. */
export const isLocal = (address: Address): boolean =>
  address.kind === 'unix' || address.host === '::1' || address.host.startsWith('127.');

/**
 * Listens. A socket is for its owner alone, and takes the place of one that nobody serves.
 * @throws StrongroomError OUTPUT_EXISTS where something else is; the system's.
 */
export async function listenAt(server: Server, address: Address): Promise<void> {
  if (address.kind === 'unix') await makeWay(address.path);
  const umask = address.kind === 'unix' ? process.umask(0o177) : undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(address, () => {
        server.off('error', reject);
        resolve();
      });
      // The socket is made in the call: nothing else gets this umask
      if (umask !== undefined) process.umask(umask);
    });
  } catch (error) {
    const where = address.kind === 'unix' ? address.path : `${address.host}:${address.port}`;
    throw asStrongroomError(error, where);
  }
}

async function makeWay(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket() || (await isServed(path))) {
    throw new StrongroomError('OUTPUT_EXISTS', `${path}: exists already`, { file: path });
  }
  unlinkSync(path);
}

const isServed = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/** The URL at which a listening server is reached; that of a socket names no place. */
export function urlOf(server: Server): string {
  const found = server.address();
  if (found === null || typeof found === 'string') return 'http://localhost';
  const host = found.family === 'IPv6' ? `[${found.address}]` : found.address;
  return `http://${host}:${found.port}`;
}
