/**
 * PEM blocks as bytes: RFC 7468, text around them allowed, lines of any length and any
 * line end. Nothing of a block's body becomes a string.
 */
import { concat, utf8, wipe } from '../bytes.ts';
import { StrongroomError } from '../errors.ts';
import { base64Decode, base64Lines } from './secret-text.ts';

const maxPemBytes = 131072;

export interface PemBlock {
  /** Such as `PRIVATE KEY`. */
  readonly label: string;
  /** The caller wipes what is secret. */
  readonly der: Uint8Array;
}

const begin = '-----BEGIN ';
const labelPattern = /^-----BEGIN ([A-Z0-9]+(?: [A-Z0-9]+)*)-----\s*$/;

/** A block after a line that explains it; a copy, the caller wipes it. */
export function armor(label: string, explanation: string, der: Uint8Array): Uint8Array {
  const body = base64Lines(der);
  const block = concat(
    utf8(`${explanation}\n-----BEGIN ${label}-----\n`),
    body,
    utf8(`-----END ${label}-----\n`),
  );
  wipe(body);
  return block;
}

/**
 * Every block, in order.
 * @throws StrongroomError `PEM_INVALID`.
 */
export function dearmor(bytes: Uint8Array): PemBlock[] {
  if (bytes.length > maxPemBytes) throw refuse(`longer than ${maxPemBytes} bytes`);
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: PemBlock[] = [];
  try {
    for (let at = view.indexOf(begin); at >= 0; at = view.indexOf(begin, at)) {
      // Only a whole line opens a block; anything else is text around them
      if (!startsLine(view, at)) {
        at += begin.length;
        continue;
      }
      // Each line is looked at once, however often it says that a block begins
      const lineEnd = endOfLine(view, at);
      const label = labelPattern.exec(view.toString('latin1', at, Math.min(lineEnd, at + 80)))?.[1];
      if (label === undefined) {
        at = lineEnd;
        continue;
      }
      const end = view.indexOf(`-----END ${label}-----`, lineEnd);
      if (end < 0) throw refuse(`a block "${label}" that does not end`);
      const der = base64Decode(view.subarray(lineEnd, end));
      if (der === undefined) throw refuse(`a block "${label}" that is not base64`);
      blocks.push({ label, der });
      at = end;
    }
  } catch (error) {
    for (const { der } of blocks) wipe(der);
    throw error;
  }
  return blocks;
}

const startsLine = (view: Buffer, at: number) => at === 0 || isLineEnd(view[at - 1]);
const isLineEnd = (byte: number | undefined) => byte === 0x0a || byte === 0x0d;

function endOfLine(view: Buffer, from: number): number {
  let at = from;
  while (at < view.length && !isLineEnd(view[at])) at += 1;
  return at;
}

const refuse = (why: string) => new StrongroomError('PEM_INVALID', `PEM: ${why}`);
