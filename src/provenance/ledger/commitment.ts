/** What a log says of a document: its digest alone, so that the log tells nothing of it. */
import { sha256 } from '../../crypto/hash.ts';

/**
 * The entry that stands for a document, such as one line of a custody file without its newline:
 * SHA-256 over its bytes, 32 bytes.
 */
export const commitmentOf = (document: Uint8Array): Uint8Array => sha256(document);
