/**
 * A sealed model as a machine-learning bill of materials: CycloneDX 1.6 (ECMA-424), JSON. It
 * says what the seal says and nothing that only a key shows.
 */
import { randomUUID } from 'node:crypto';
import type { Claims } from '../archive/seal.ts';
import type { SuiteName } from '../crypto/suites.ts';
import { timeOf } from '../time.ts';
import { type KnownClaims, knownClaims } from './claims.ts';
import type { Parent } from './lineage.ts';

/** What is known of a model by its seal. */
export interface SealedModel {
  /** Hex, the archive id. */
  readonly archive: string;
  readonly suite: SuiteName;
  /** Hex. */
  readonly contentRoot: string;
  readonly author: { readonly name: string; readonly fingerprint: string };
  readonly sealedAt: string;
  readonly claims?: Claims;
}

const property = (name: string, value: string) => ({ name: `strongroom:${name}`, value });

/** @param now the time that the document bears, the clock's by default. */
export function mlbomOf(model: SealedModel, now: string = timeOf()) {
  const { archive, suite, contentRoot, author, sealedAt } = model;
  const known = knownClaims(model.claims);
  const {
    name = `model ${contentRoot.slice(0, 16)}`,
    version,
    license,
    modelCard,
    parents,
  } = known;
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${randomUUID()}`,
    version: 1,
    metadata: {
      timestamp: now,
      component: {
        type: 'machine-learning-model',
        'bom-ref': `model/${contentRoot}`,
        authors: [{ name: author.name }],
        name,
        ...(version === undefined ? {} : { version }),
        ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
        ...(modelCard?.uri === undefined
          ? {}
          : {
              externalReferences: [
                {
                  type: 'model-card',
                  url: modelCard.uri,
                  hashes: [{ alg: 'SHA-256', content: modelCard.sha256 }],
                },
              ],
            }),
        ...trainingOf(known),
        ...(parents === undefined ? {} : { pedigree: { ancestors: parents.map(ancestorOf) } }),
        properties: [
          property('archive', archive),
          property('contentRoot', contentRoot),
          property('suite', suite),
          property('sealedAt', sealedAt),
          property('author:fingerprint', author.fingerprint),
          ...(modelCard === undefined ? [] : [property('modelCard:sha256', modelCard.sha256)]),
        ],
      },
    },
  };
}

function trainingOf({ training }: KnownClaims) {
  if (training?.datasets === undefined) return {};
  const datasets = training.datasets.map(({ name, sha256, uri }) => ({
    type: 'dataset',
    name,
    ...(sha256 === undefined && uri === undefined
      ? {}
      : {
          contents: {
            ...(uri === undefined ? {} : { url: uri }),
            ...(sha256 === undefined ? {} : { properties: [property('sha256', sha256)] }),
          },
        }),
  }));
  return { modelCard: { modelParameters: { datasets } } };
}

function ancestorOf(parent: Parent) {
  const [[kind, root]] = Object.entries(parent) as [[string, string]];
  return {
    type: 'machine-learning-model',
    'bom-ref': `${kind}/${root}`,
    name: `model ${root.slice(0, 16)}`,
    properties: [property(kind, root)],
  };
}
