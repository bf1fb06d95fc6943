/** DSSE v1 pre-authentication encoding: what is signed in place of a bare body. */
import { concat, utf8 } from '../bytes.ts';

/** `PAE(type, body)` of docs/format.md; lengths are in bytes. */
export function pae(type: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const typeBytes = utf8(type);
  return concat(utf8(`DSSEv1 ${typeBytes.length} `), typeBytes, utf8(` ${body.length} `), body);
}
