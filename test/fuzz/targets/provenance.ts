/** Parsers of custody files, transparency logs and Open Model Signing. */
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  appendEntries,
  createIdentity,
  createLedger,
  createLedgerKey,
  custodyPathOf,
  decodeLedgerKey,
  decodeLedgerPolicy,
  decodeOmsPrivateKey,
  decodeOmsPublicKey,
  encodeLedgerKey,
  formatParent,
  grant,
  parseParent,
  policyLines,
  proveEntry,
  seal,
  trustCards,
} from '#strongroom/index.js';
import { encodeJson } from '#strongroom/json.js';
import { decodeSignedCheckpoint } from '#strongroom/provenance/ledger/log.js';
import { decodeNote, encodeNote } from '#strongroom/provenance/ledger/note.js';
import { decodeProof } from '#strongroom/provenance/ledger/proof.js';
import { decodeVkey, encodeVkey } from '#strongroom/provenance/ledger/signatures.js';
import { decodeBundle, encodeEntry } from '#strongroom/provenance/ledger/tiles.js';
import { encodeBundle, openBundle } from '#strongroom/provenance/oms/bundle.js';
import { encodeEnvelope, openEnvelope } from '#strongroom/provenance/oms/envelope.js';
import { decodeStatement, encodeStatement } from '#strongroom/provenance/oms/statement.js';
import { readCustody } from '#strongroom/provenance/statements/file.js';
import { parseStatement } from '#strongroom/provenance/statements/statement.js';
import { found, hold, mutateDocument, mutateEnvelope, type Target } from '../target.ts';

async function custodyTargets(scratch: string): Promise<readonly Target[]> {
  const author = createIdentity({ name: 'author' });
  const partner = createIdentity({ name: 'partner' });
  const trust = trustCards([author.card]);
  const file = join(scratch, 'weights.bin');
  const output = join(scratch, 'told.srm');
  writeFileSync(file, 'weights');
  await seal(file, { output, recipients: [author.card], signer: author, custody: true });
  await grant(output, { add: [partner.card], identity: author, trust, epochMemory: 'off' });
  const custody = readFileSync(custodyPathOf(output));
  const lines = custody
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => Buffer.from(line));
  const path = join(scratch, 'custody.jsonl');
  return [
    {
      name: 'custody statement',
      seeds: lines,
      mutate: mutateEnvelope,
      parse: (input) => encodeJson(parseStatement(input, 'line').envelope),
    },
    {
      name: 'custody file',
      seeds: [custody],
      parse: (input) => {
        writeFileSync(path, input);
        readCustody(path);
        return undefined;
      },
    },
  ];
}

async function ledgerTargets(scratch: string): Promise<readonly Target[]> {
  const key = createLedgerKey('example.com/log', 'log');
  const witness = createLedgerKey('witness.example/w1', 'witness');
  const ledger = { directory: join(scratch, 'log'), key };
  createLedger(ledger);
  const entries = ['one', 'two', 'three'].map((entry) => Buffer.from(entry));
  await appendEntries(ledger, entries);
  const checkpoint = readFileSync(join(ledger.directory, 'checkpoint'));
  const { proof } = proveEntry(ledger.directory, { index: 1 });
  const policy = `${policyLines(key)}${policyLines(witness)}group g 1 ${witness.name}\nquorum g\n`;
  return [
    {
      name: 'note',
      seeds: [checkpoint],
      parse: (input) => {
        return encodeNote(found(decodeNote(input)));
      },
    },
    {
      name: 'checkpoint',
      seeds: [checkpoint],
      parse: (input) => {
        found(decodeSignedCheckpoint(input));
        return undefined;
      },
    },
    {
      name: 'ledger proof',
      seeds: [proof],
      parse: (input) => {
        decodeProof(input);
        return undefined;
      },
    },
    {
      name: 'ledger policy',
      seeds: [Buffer.from(policy)],
      parse: (input) => {
        decodeLedgerPolicy(input).isQuorum(new Set());
        return undefined;
      },
    },
    {
      name: 'verifier key',
      seeds: key.verifiers.map((verifier) => Buffer.from(encodeVkey(verifier))),
      parse: (input) => Buffer.from(encodeVkey(decodeVkey(Buffer.from(input).toString()))),
    },
    {
      name: 'ledger key',
      seeds: [key, witness].map((each) => encodeLedgerKey(each, 'none')),
      mutate: mutateDocument,
      parse: async (input) =>
        input.includes(0x32) ? encodeLedgerKey(await decodeLedgerKey(input), 'none') : undefined,
    },
    {
      name: 'entry bundle',
      seeds: [Buffer.concat(entries.map(encodeEntry))],
      parse: (input) => {
        return Buffer.concat(found(decodeBundle(input, 3)).map(encodeEntry));
      },
    },
  ];
}

function omsTargets(): readonly Target[] {
  const author = createIdentity({ name: 'author' });
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = (key: typeof publicKey, type: 'spki' | 'pkcs8') =>
    Buffer.from(key.export({ type: type as 'spki', format: 'pem' }));
  const secret = decodeOmsPrivateKey(pem(privateKey, 'pkcs8'), 'key');
  const statement = encodeStatement({
    name: 'model',
    files: [{ path: 'a', size: 1 }],
    digests: [['11'.repeat(32)]],
    followSymlinks: false,
  });
  const genuine = Buffer.from(statement).toString('base64');
  return [
    {
      name: 'oms statement',
      seeds: [statement],
      mutate: mutateDocument,
      parse: (input) => {
        decodeStatement(input, 'statement');
        return undefined;
      },
    },
    {
      name: 'oms bundle',
      seeds: [encodeBundle(statement, secret)],
      mutate: mutateDocument,
      parse: (input) => {
        const opened = openBundle(input, secret.public, 'bundle');
        hold(Buffer.from(opened).toString('base64') === genuine, 'a statement that nobody signed');
        return undefined;
      },
    },
    {
      name: 'oms envelope',
      seeds: [encodeEnvelope(statement, author)],
      mutate: mutateEnvelope,
      parse: (input) => {
        const opened = openEnvelope(input, trustCards([author.card]), 'envelope');
        hold(Buffer.from(opened.statement).toString('base64') === genuine, 'nobody signed it');
        return undefined;
      },
    },
    {
      name: 'oms public key',
      seeds: [pem(publicKey, 'spki')],
      parse: (input) => {
        decodeOmsPublicKey(input, 'key');
        return undefined;
      },
    },
    {
      name: 'parent',
      seeds: ['', 'oms:'].map((kind) => Buffer.from(`${kind}${'1'.repeat(64)}`)),
      parse: (input) => {
        formatParent(parseParent(Buffer.from(input).toString()));
        return undefined;
      },
    },
  ];
}

export async function provenanceTargets(scratch: string): Promise<readonly Target[]> {
  return [...(await custodyTargets(scratch)), ...(await ledgerTargets(scratch)), ...omsTargets()];
}
