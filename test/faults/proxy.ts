/** A network that misbehaves: a TCP proxy that does to each connection what it is told. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What happens to a connection, once so many bytes of the server's, or of the client's, passed. */
export interface Trouble {
  readonly what:
    | 'reset'
    /** An orderly end, in the middle of something. */
    | 'half-close'
    /** Nothing passes any more, and nobody says so. */
    | 'stall'
    /** A kilobyte at a time, with pauses. */
    | 'slow';
  readonly of: 'server' | 'client';
  readonly after: number;
}

/** @param trouble of a connection by its number from 0; none for those that are sound. */
export async function startProxy(port: number, trouble: (count: number) => Trouble | undefined) {
  const open = new Set<Socket>();
  let count = 0;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const found = trouble(count++);
    const backend = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    for (const socket of [client, backend]) {
      open.add(socket);
      // That the other end went away is what this is about
      socket.on('error', () => {});
      socket.on('close', () => open.delete(socket));
    }
    void pass(backend, client, found?.of === 'server' ? found : undefined);
    void pass(client, backend, found?.of === 'client' ? found : undefined);
    client.on('close', () => backend.destroy());
    backend.on('close', () => client.destroySoon());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => count,
    close() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}

async function pass(from: Socket, to: Socket, trouble: Trouble | undefined): Promise<void> {
  const client = trouble?.of === 'server' ? to : from;
  let passed = 0;
  try {
    for await (const chunk of from) {
      let rest = chunk as Buffer;
      if (trouble !== undefined && passed + rest.length > trouble.after) {
        const before = rest.subarray(0, Math.max(0, trouble.after - passed));
        if (before.length > 0) to.write(before);
        rest = rest.subarray(before.length);
        if (trouble.what === 'reset') return void client.resetAndDestroy();
        if (trouble.what === 'half-close') return void to.end();
        if (trouble.what === 'stall') return void (await new Promise(() => {}));
        for (let at = 0; at < rest.length; at += 1024) {
          to.write(rest.subarray(at, at + 1024));
          await sleep(2);
        }
      } else if (!to.write(rest)) {
        await new Promise((done) => to.once('drain', done).once('close', done));
      }
      passed += (chunk as Buffer).length;
    }
    to.end();
  } catch {
    to.destroy();
  }
}
