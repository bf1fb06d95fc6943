/** Verifying a model in a directory against what was signed about it. */
import type { RunOptions } from '../../engine/pool.ts';
import { StrongroomError } from '../../errors.ts';
import type { Trust } from '../../keys/policy.ts';
import { openBundle } from '../../provenance/oms/bundle.ts';
import { assertAllSigned, assertSameResources } from '../../provenance/oms/compare.ts';
import { openEnvelope } from '../../provenance/oms/envelope.ts';
import type { OmsPublicKey } from '../../provenance/oms/key.ts';
import { decodeStatement, ignores, resourcesOf } from '../../provenance/oms/statement.ts';
import { measureModel, pathsWithin, readSignature } from './measure.ts';
import { signaturePaths } from './sign.ts';

export interface VerifyOmsOptions extends RunOptions {
  /** Whose bundle there has to be. */
  readonly key?: OmsPublicKey | undefined;
  /** Whose envelope there has to be: of a trusted author. */
  readonly trust?: Trust | undefined;
  /** Path of the bundle, by default `model.sig` in the directory; the envelope lies beside it. */
  readonly bundle?: string | undefined;
}

/** Who vouches for a model, and whether a quantum computer could forge that. */
export type OmsSignature =
  | { readonly method: 'key'; readonly curve: string; readonly hint: string; quantumSafe: false }
  | {
      readonly method: 'identity';
      readonly name: string;
      readonly fingerprint: string;
      readonly algorithms: readonly string[];
      quantumSafe: true;
    };

export interface VerifyOmsReport {
  /** As the signer calls the model. */
  readonly name: string;
  /** Hex. */
  readonly root: string;
  readonly files: number;
  readonly bytes: number;
  readonly signatures: readonly OmsSignature[];
  /** Paths that nothing is said of. */
  readonly ignored: readonly string[];
}

/**
 * Verifies the model in `directory`: every signature that is asked for, then every file.
 * @throws StrongroomError USAGE, OMS_INVALID, OMS_UNTRUSTED, OMS_MISMATCH, KEY_COMPROMISED, and
 *   as `measureModel`.
 */
export async function verifyOms(
  directory: string,
  options: VerifyOmsOptions,
): Promise<VerifyOmsReport> {
  const paths = signaturePaths(directory, options.bundle);
  const { used, statement, signatures } = await openSignatures(paths, options);
  const signed = decodeStatement(statement, used[0] ?? directory);
  const { shardSize, followSymlinks } = signed;
  const ignored = [...new Set([...signed.ignored, ...pathsWithin(directory, used)])];
  const isIgnored = ignores(ignored);
  const measured = await measureModel(directory, {
    ...options,
    shardSize,
    followSymlinks,
    isIgnored,
    assertWanted: (files) => assertAllSigned(files, { shardSize }, signed.resources, directory),
  });
  const found = resourcesOf(measured, ignored);
  assertSameResources(found, signed.resources, directory);
  return {
    name: signed.name,
    root: signed.root,
    files: measured.files.length,
    bytes: measured.files.reduce((sum, { size }) => sum + size, 0),
    signatures,
    ignored,
  };
}

/** The one statement that all who were asked for have signed. */
async function openSignatures(
  paths: ReturnType<typeof signaturePaths>,
  { key, trust }: VerifyOmsOptions,
) {
  const used: string[] = [];
  const statements: Uint8Array[] = [];
  const signatures: OmsSignature[] = [];
  if (key !== undefined) {
    const { bundle } = paths;
    used.push(bundle);
    statements.push(openBundle(await readSignature(bundle), key, bundle));
    const { curve, hint } = key;
    signatures.push({ method: 'key', curve, hint, quantumSafe: false });
  }
  if (trust !== undefined) {
    const { envelope } = paths;
    used.push(envelope);
    const opened = openEnvelope(await readSignature(envelope), trust, envelope);
    statements.push(opened.statement);
    const { name, fingerprint, suite } = opened.signer;
    const algorithms = suite.signatures.map((algorithm) => algorithm.name);
    signatures.push({ method: 'identity', name, fingerprint, algorithms, quantumSafe: true });
  }
  const [statement, other] = statements;
  if (statement === undefined) {
    throw new StrongroomError('NO_TRUST', 'nobody is named whose signature counts', {
      hint: 'name whom you trust: --key PEM, --signer CARD or --trust POLICY',
    });
  }
  if (other !== undefined && !Buffer.from(statement).equals(other)) {
    const message = `${paths.envelope}: signs another statement than ${paths.bundle}`;
    throw new StrongroomError('OMS_UNTRUSTED', message, { file: paths.envelope });
  }
  return { used, statement, signatures };
}
