/** Numbers, whose keys, and what they prove, for people. */
import type { Proof } from '../index.ts';

const decimal = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Such as `16.2 MB`: powers of 1000, as disks and networks count. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  // 999.95 and more would round up to four digits
  for (; value >= 999.95 && unit < decimal.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(1)} ${decimal[unit]}`;
}

/** Such as `1 MiB`, for what is a power of two. */
export function binaryBytes(count: number): string {
  return count % 2 ** 20 === 0 ? `${count / 2 ** 20} MiB` : `${count / 2 ** 10} KiB`;
}

/** Such as `1 file` and `2 files`. */
export const plural = (count: number, one: string): string =>
  `${count} ${one}${count === 1 ? '' : 's'}`;

/** Such as `1:05` or `2:00:00`. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const [first, ...rest] = parts[0] === 0 ? parts.slice(1) : parts;
  return [String(first), ...rest.map((part) => String(part).padStart(2, '0'))].join(':');
}

/** A card's owner, the fingerprint first: no name, whatever it says, can stand in its place. */
export const who = ({ name, fingerprint }: { name: string; fingerprint: string }): string =>
  `${fingerprint}, ${name}`;

/** A claim with what proves it, and whether that lasts. */
export function proved({ claim, by, fingerprint, algorithms, quantumSafe }: Proof): string {
  const whose = fingerprint === undefined ? by : who({ name: by, fingerprint });
  const kind = quantumSafe ? 'quantum-safe' : 'classical only';
  return `${claim}: ${kind}, ${algorithms.join(' and ')} of ${whose}`;
}
