/** Anchors as an option names them: `pkcs11:` and a URI, or `exec:` and the path of a program. */
import { StrongroomError } from '../errors.ts';
import type { Anchor } from '../index.ts';
import { askPassphrase, type PassphraseOptions } from './passphrase.ts';

type Opener = (text: string, options: PassphraseOptions, stdinIsData: boolean) => Promise<Anchor>;

const openers: Readonly<Record<string, Opener>> = {
  async pkcs11(text, options, stdinIsData) {
    const { parsePkcs11Uri, pkcs11Anchor } = await import('../index.ts');
    return pkcs11Anchor({
      address: parsePkcs11Uri(text),
      pin: ({ label }) =>
        askPassphrase({ ...options, message: `PIN for the token ${label}`, stdinIsData }),
    });
  },
  async exec(text) {
    const { execAnchor } = await import('../index.ts');
    const program = text.slice('exec:'.length);
    if (program === '') throw new StrongroomError('USAGE', '--anchor exec: names no program');
    return execAnchor({ program });
  },
};

/**
 * The anchor that the options name, if any. Nothing is loaded or run yet.
 * @throws StrongroomError `USAGE`.
 */
export async function anchorOf(
  options: PassphraseOptions,
  stdinIsData = false,
): Promise<Anchor | undefined> {
  const { anchor } = options;
  if (anchor === undefined) return undefined;
  const open = openers[anchor.slice(0, anchor.indexOf(':'))];
  if (open !== undefined) return open(anchor, options, stdinIsData);
  throw new StrongroomError('USAGE', `--anchor: ${anchor} is of an unknown kind`, {
    hint: 'give it like pkcs11:token=LABEL?module-path=FILE or exec:PROGRAM',
  });
}
