import { expect, test } from 'vitest';
import { parsePkcs11Uri } from '#strongroom/keys/anchor/pkcs11/uri.js';
import { refusal } from '../helpers.ts';

test.each([
  ['pkcs11:?module-path=/m.so', { modulePath: '/m.so' }],
  [
    'pkcs11:token=The%20Lab;serial=0a%3b;id=%00%ffA?module-path=/m%3B.so',
    { modulePath: '/m;.so', token: 'The Lab', serial: '0a;', id: '00ff41' },
  ],
  [
    'pkcs11:object=k;token=Z%C3%BCrich?module-path=m',
    { modulePath: 'm', token: 'Zürich', object: 'k' },
  ],
])('%s is read', (uri, address) => {
  expect(parsePkcs11Uri(uri)).toEqual(address);
});

test.each([
  ['pkcs11:token=a', /module-path/],
  ['pkcs11:token=a?module-path=', /module-path/],
  ['pkcs11:token=a;token=b?module-path=m', /twice/],
  ['pkcs11:token=a?module-path=m&pin-value=1234', /PIN does not belong/],
  ['pkcs11:token=a?module-path=m&pin-source=file:p', /PIN does not belong/],
  ['pkcs11:slot=1?module-path=m', /slot is unknown/],
  ['pkcs11:token?module-path=m', /token is unknown/],
  ['pkcs11:token=%4?module-path=m', /percent/],
  ['/m.so', /not a PKCS #11 URI/],
])('%s is refused', async (uri, words) => {
  const error = await refusal(() => parsePkcs11Uri(uri));
  expect(error.code).toBe('USAGE');
  expect(error.message).toMatch(words);
  expect(error.message + error.hint).not.toContain('1234');
});
