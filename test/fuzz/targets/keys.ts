/** Parsers of what people keep: cards, identities, policies, PEM, addresses of tokens. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createIdentity,
  decodeCard,
  decodeIdentity,
  encodeCard,
  encodeIdentity,
  exportPrivatePem,
  exportPublicPem,
  importPem,
  normalizePassphrase,
  parsePkcs11Uri,
  readPolicy,
} from '#strongroom/index.js';
import { identityProtection } from '#strongroom/keys/identity.js';
import { composed } from '#strongroom/keys/passphrase.js';
import { hold, mutateDocument, type Target } from '../target.ts';

export async function keyTargets(scratch: string): Promise<readonly Target[]> {
  const ada = createIdentity({ name: 'Ada', expires: '2030-01-01T00:00:00Z' });
  const bob = createIdentity({ name: 'Bob', suite: 'cnsa2' });
  const both = [ada, bob];
  const cards = both.map(({ card }) => encodeCard(card));
  const genuine = new Set(cards.map((card) => Buffer.from(card).toString('base64')));
  const cost = { memory: 64, passes: 1, parallelism: 1 };
  const locked = encodeIdentity(ada, { passphrase: Buffer.from('secret'), cost });
  cards.forEach((card, i) => void writeFileSync(join(scratch, `${i}.card`), card));
  const policy = {
    type: 'strongroom/policy',
    version: 1,
    trust: cards.map((_, i) => ({ card: `${i}.card`, roles: ['author', 'custodian'] })),
  };
  return [
    {
      name: 'card',
      seeds: cards,
      mutate: mutateDocument,
      parse: (input) => {
        const card = decodeCard(input);
        const known = genuine.has(Buffer.from(input).toString('base64'));
        hold(known || card.imported, 'a card that its own keys did not sign');
        return encodeCard(card);
      },
    },
    {
      name: 'identity',
      seeds: both.map((identity) => encodeIdentity(identity, 'none')),
      mutate: mutateDocument,
      parse: async (input) => {
        const found = await decodeIdentity(input, async () => Buffer.from('secret'));
        const protection = identityProtection(input);
        return 'kdf' in protection && protection.kdf === 'none'
          ? encodeIdentity(found, 'none')
          : undefined;
      },
    },
    {
      // Its secret is not read: whoever alters it would choose what Argon2id costs
      name: 'protected identity',
      seeds: [locked],
      mutate: mutateDocument,
      parse: (input) => {
        identityProtection(input);
        return undefined;
      },
    },
    {
      name: 'policy',
      seeds: [Buffer.from(JSON.stringify(policy, null, 2))],
      mutate: mutateDocument,
      parse: async (input) => {
        const path = join(scratch, 'policy.json');
        writeFileSync(path, input);
        const { entries } = await readPolicy(path);
        hold(
          entries.every(({ card }) =>
            genuine.has(Buffer.from(encodeCard(card)).toString('base64')),
          ),
          'another card',
        );
        return undefined;
      },
    },
    {
      name: 'pem',
      seeds: both.flatMap((identity) => [
        Buffer.from(exportPublicPem(identity.card)),
        exportPrivatePem(identity),
      ]),
      parse: (input) => {
        importPem(input, { name: 'imported' });
        return undefined;
      },
    },
    {
      name: 'passphrase',
      seeds: [Buffer.from('pa\u0308ss wo\u0301rd')],
      parse: (input) => {
        const once = normalizePassphrase(Uint8Array.from(input));
        const twice = composed(Uint8Array.from(once));
        hold(Buffer.compare(once, twice) === 0, 'a passphrase that is not normalized');
        return undefined;
      },
    },
    {
      name: 'pkcs11 uri',
      seeds: [Buffer.from('pkcs11:token=Lab;id=%01%02?module-path=/usr/lib/m.so')],
      parse: (input) => {
        parsePkcs11Uri(Buffer.from(input).toString());
        return undefined;
      },
    },
  ];
}
