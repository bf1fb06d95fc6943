/**
 * Keys in a plan, each sealed to one person for one purpose: the plan key, and the keys of the
 * windows of the payload that a worker's ranges lie in (docs/plans.md, "Keys").
 */
import type { Core } from '../archive/core.ts';
import { base64, concat, fromBase64, fromHex, u64, utf8, wipe } from '../bytes.ts';
import { type FloeState, type FloeWindow, windowKey, windowSegments } from '../crypto/floe.ts';
import { hpkeOpen, hpkeSeal } from '../crypto/hpke.ts';
import type { Card } from '../keys/card.ts';
import type { Identity } from '../keys/identity.ts';
import type { Span } from './division.ts';

export const planKeyBytes = 32;

/** What all stanzas of a plan are bound to. */
export interface PlanContext {
  readonly core: Core;
  /** Hex, 32 bytes. */
  readonly id: string;
}

export interface PlanStanza {
  readonly enc: string;
  readonly sealed: string;
}

const infoFor = ({ core, id }: PlanContext, label: string, card: Card, ...more: Uint8Array[]) =>
  concat(utf8(`strongroom/v1/${label}`), fromHex(id), core.hash, ...more, fromHex(card.kem.id));

const planKeyInfo = (context: PlanContext, card: Card) => infoFor(context, 'plan-key', card);

const windowInfo = (context: PlanContext, first: number, card: Card) =>
  infoFor(context, 'plan-window', card, u64(first));

function sealTo(card: Card, info: Uint8Array, secret: Uint8Array): PlanStanza {
  const { enc, sealed } = hpkeSeal(card.suite, card.kem.publicKey, info, secret);
  return { enc: base64(enc), sealed: base64(sealed) };
}

const openWith = ({ card, kemSeed }: Identity, info: Uint8Array, { enc, sealed }: PlanStanza) =>
  hpkeOpen(card.suite, kemSeed, fromBase64(enc), fromBase64(sealed), info);

export const sealPlanKey = (context: PlanContext, card: Card, planKey: Uint8Array): PlanStanza =>
  sealTo(card, planKeyInfo(context, card), planKey);

const fileKeyInfo = (context: PlanContext, card: Card) => infoFor(context, 'plan-file-key', card);

/** The file key of an archive to be, for its author to finish it. */
export const sealFileKey = (context: PlanContext, author: Card, fileKey: Uint8Array): PlanStanza =>
  sealTo(author, fileKeyInfo(context, author), fileKey);

/** The file key, or `undefined` when it was not sealed to this identity; the caller wipes it. */
export const openFileKey = (
  context: PlanContext,
  author: Identity,
  stanza: PlanStanza,
): Uint8Array | undefined => openWith(author, fileKeyInfo(context, author.card), stanza);

/** The plan key, or `undefined` when it was not sealed to this identity; the caller wipes it. */
export const openPlanKey = (
  context: PlanContext,
  identity: Identity,
  stanza: PlanStanza,
): Uint8Array | undefined => openWith(identity, planKeyInfo(context, identity.card), stanza);

/** The first segments of the windows that these spans of segments lie in, in order. */
export function windowsOf(spans: readonly Span[]): number[] {
  const found = new Set<number>();
  for (const { from, to } of spans) {
    let first = from - (from % windowSegments);
    for (; first < to; first += windowSegments) found.add(first);
  }
  return [...found].sort((a, b) => a - b);
}

export function sealWindow(
  context: PlanContext,
  card: Card,
  floe: FloeState,
  first: number,
): PlanStanza & { readonly first: number } {
  const key = windowKey(floe, first);
  try {
    return { ...sealTo(card, windowInfo(context, first, card), key), first };
  } finally {
    wipe(key);
  }
}

/** The key of a window; shared, so that one call wipes it for all threads. */
export function openWindow(
  context: PlanContext,
  identity: Identity,
  stanza: PlanStanza & { readonly first: number },
): FloeWindow | undefined {
  const { first } = stanza;
  const opened = openWith(identity, windowInfo(context, first, identity.card), stanza);
  if (opened === undefined) return undefined;
  const key = new Uint8Array(new SharedArrayBuffer(opened.length));
  key.set(opened);
  wipe(opened);
  return { first, key };
}
