/** Whether a remote object is still what it was when it was opened. */
import { StrongroomError } from '../../errors.ts';
import type { RemoteState } from './location.ts';

export interface FoundRange {
  readonly from: number;
  /** Of the last byte. */
  readonly to: number;
  /** Of the whole object, in bytes. */
  readonly size: number;
}

/** Content-Range of one range whose whole length is known (RFC 9110, section 14.4). */
export function contentRange(value: string | undefined): FoundRange | undefined {
  const found = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/i.exec(value ?? '');
  if (found === null) return undefined;
  const [from, to, size] = found.slice(1).map(Number) as [number, number, number];
  const sane = from <= to && to < size && Number.isSafeInteger(size);
  return sane ? { from, to, size } : undefined;
}

/** @throws StrongroomError SOURCE_CHANGED. */
export function assertSameState(name: string, before: RemoteState, now: RemoteState): void {
  const etagDiffers = before.etag !== undefined && now.etag !== before.etag;
  if (now.size !== before.size || etagDiffers) throw remoteChanged(name);
}

export const remoteChanged = (name: string): StrongroomError =>
  new StrongroomError('SOURCE_CHANGED', `${name}: changed while it was read`, {
    file: name,
    hint: 'try again when nothing writes to it',
  });
