/**
 * Whether a machine has a way out: network interfaces with a default route (Linux,
 * proc_net(5)). It is a reminder to pull the cable, and no proof that there is none.
 */
import { readFileSync } from 'node:fs';

const routeUp = 0x1;
const routeReject = 0x200;

/** Names of interfaces with a default route; `undefined` where the system does not tell. */
export function defaultRoutes(directory = '/proc/net'): string[] | undefined {
  try {
    const rows = (name: string) =>
      readFileSync(`${directory}/${name}`, 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/));
    // Interface, destination, gateway, flags, three counters, mask
    const ipv4 = rows('route')
      .filter(([, destination, , flags, , , , mask]) => {
        const isDefault = destination === '00000000' && mask === '00000000';
        return isDefault && isUsable(flags);
      })
      .map(([name]) => name);
    return [...new Set([...ipv4, ...ipv6Routes(rows)])].filter(
      (name): name is string => name !== undefined,
    );
  } catch {
    return undefined;
  }
}

/** Without IPv6 the file is not there. */
function ipv6Routes(rows: (name: string) => string[][]): (string | undefined)[] {
  try {
    // Destination, its prefix, source, its prefix, next hop, metric, two counters, flags, interface
    return rows('ipv6_route')
      .filter(([destination, prefix, , , , , , , flags, name]) => {
        const isDefault = destination === '0'.repeat(32) && prefix === '00';
        return isDefault && name !== 'lo' && isUsable(flags);
      })
      .map((row) => row[9]);
  } catch {
    return [];
  }
}

function isUsable(flags: string | undefined): boolean {
  const bits = Number.parseInt(flags ?? '', 16);
  return (bits & routeUp) !== 0 && (bits & routeReject) === 0;
}
