/**
 * PKCS #11 URIs (RFC 7512): the attributes that find a token and a key, and the module that
 * speaks to it. A PIN is never part of one.
 */
import { hex } from '../../../bytes.ts';
import { StrongroomError } from '../../../errors.ts';

/** Where a key is; what is absent is not compared. */
export interface Pkcs11Address {
  /** Path of the module, a shared library. */
  readonly modulePath: string;
  /** Label of the token. */
  readonly token?: string;
  /** Serial number of the token. */
  readonly serial?: string;
  /** Label of a key that is there already. */
  readonly object?: string;
  /** Hex: CKA_ID of a key that is there already. */
  readonly id?: string;
}

const pathAttributes = ['token', 'serial', 'object', 'id'];
const queryAttributes = ['module-path'];

/**
 * Reads a URI such as `pkcs11:token=lab?module-path=/usr/lib/softhsm/libsofthsm2.so`.
 * @throws StrongroomError `USAGE`.
 */
export function parsePkcs11Uri(uri: string): Pkcs11Address {
  const [, path, query] = /^pkcs11:([^?#]*)(?:\?([^#]*))?$/.exec(uri) ?? [];
  if (path === undefined) throw refuse('it is not a PKCS #11 URI');
  const { token, serial, object, id } = attributesOf(path, ';', pathAttributes);
  const { 'module-path': module } = attributesOf(query ?? '', '&', queryAttributes);
  if (module === undefined || module.length === 0) throw refuse('it names no module-path');
  return {
    modulePath: utf8Of(module),
    ...(token && { token: utf8Of(token) }),
    ...(serial && { serial: utf8Of(serial) }),
    ...(object && { object: utf8Of(object) }),
    ...(id && { id: hex(id) }),
  };
}

function attributesOf(
  text: string,
  separator: string,
  known: readonly string[],
): Record<string, Buffer> {
  const found: Record<string, Buffer> = {};
  for (const attribute of text.split(separator)) {
    if (attribute === '') continue;
    const at = attribute.indexOf('=');
    const name = at < 0 ? attribute : attribute.slice(0, at);
    if (/^pin-/.test(name)) {
      throw refuse('a PIN does not belong into it', 'give it by a prompt, file or descriptor');
    }
    if (at < 0 || !known.includes(name)) throw refuse(`its attribute ${name} is unknown`);
    if (name in found) throw refuse(`its attribute ${name} is there twice`);
    found[name] = percentDecoded(attribute.slice(at + 1));
  }
  return found;
}

/** Bytes, since an id is not text. */
function percentDecoded(text: string): Buffer {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) throw refuse('it has a percent sign without two digits');
  const parts = text.split(/(%[0-9a-fA-F]{2})/);
  return Buffer.concat(
    parts.map((part) =>
      part.startsWith('%') ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part),
    ),
  );
}

const utf8Of = (bytes: Buffer): string => bytes.toString('utf8');

const refuse = (
  why: string,
  hint = 'give it like "pkcs11:token=LABEL?module-path=/path/to/module.so"',
) => new StrongroomError('USAGE', `anchor: ${why}`, { hint });
