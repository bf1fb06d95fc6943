/** Signatures: the examples of the S3 reference, and everything that must not pass. */
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createCredentials, denial } from '#strongroom/gateway/credentials.js';
import { readRequest } from '#strongroom/gateway/request.js';
import { checkSignature } from '#strongroom/gateway/sigv4.js';

function request(url: string, headers: Readonly<Record<string, string>>, method = 'GET') {
  const message = new IncomingMessage(new Socket());
  Object.assign(message, { url, method });
  message.rawHeaders = Object.entries(headers).flat();
  const read = readRequest(message);
  if (read === undefined) throw new Error('not understood');
  return read;
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "Examples"
const key = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const then = Date.parse('2013-05-24T00:00:00Z');
const nothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const common = {
  Host: 'examplebucket.s3.amazonaws.com',
  'x-amz-content-sha256': nothing,
  'x-amz-date': '20130524T000000Z',
};
const authorization = (signedHeaders: string, signature: string) =>
  `AWS4-HMAC-SHA256 Credential=${key.accessKeyId}/20130524/us-east-1/s3/aws4_request,` +
  `SignedHeaders=${signedHeaders},Signature=${signature}`;
const three = 'host;x-amz-content-sha256;x-amz-date';

const getObject = {
  Authorization: authorization(
    'host;range;x-amz-content-sha256;x-amz-date',
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  ),
  Range: 'bytes=0-9',
  ...common,
};
const list = '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7';
const presigned =
  '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2F' +
  'us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&' +
  'X-Amz-SignedHeaders=host&X-Amz-Signature=' +
  'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404';
const host = { Host: common.Host };

describe('the examples of the reference', () => {
  it.each([
    ['GET of a range', '/test.txt', getObject],
    [
      'GET of a subresource',
      '/?lifecycle',
      {
        ...common,
        Authorization: authorization(
          three,
          'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
        ),
      },
    ],
    ['a list', '/?max-keys=2&prefix=J', { ...common, Authorization: authorization(three, list) }],
    ['a presigned URL', presigned, host],
  ])('%s', (_, url, headers) => {
    expect(checkSignature(request(url, headers), key, then)).toBeUndefined();
  });

  it('hold for parameters in any order', () => {
    const headers = { ...common, Authorization: authorization(three, list) };
    expect(checkSignature(request('/?prefix=J&max-keys=2', headers), key, then)).toBeUndefined();
  });
});

describe('refused is', () => {
  const check = (
    url: string,
    headers: Readonly<Record<string, string>>,
    at = then,
    method?: string,
  ) => checkSignature(request(url, headers, method), key, at);
  const without = (name: keyof typeof getObject) =>
    Object.fromEntries(Object.entries(getObject).filter(([each]) => each !== name));
  const altered = (from: string, to: string) => ({
    ...getObject,
    Authorization: getObject.Authorization.replace(from, to),
  });

  it.each([
    ['another path', '/test.txt2', getObject, 'SignatureDoesNotMatch'],
    ['another range', '/test.txt', { ...getObject, Range: 'bytes=0-10' }, 'SignatureDoesNotMatch'],
    ['a parameter more', '/test.txt?x-id=1', getObject, 'SignatureDoesNotMatch'],
    ['another host', '/test.txt', { ...getObject, Host: 'other' }, 'SignatureDoesNotMatch'],
    [
      'another signature',
      '/test.txt',
      altered('Signature=f0', 'Signature=f1'),
      'SignatureDoesNotMatch',
    ],
    ['a shorter one', '/test.txt', altered('bdb41', 'bdb4'), 'SignatureDoesNotMatch'],
    ['another region', '/test.txt', altered('us-east-1', 'us-east-2'), 'SignatureDoesNotMatch'],
    ['another key', '/test.txt', altered('AKIA', 'AKIB'), 'InvalidAccessKeyId'],
    ['another service', '/test.txt', altered('/s3/', '/sts/'), 'AuthorizationHeaderMalformed'],
    [
      'another day',
      '/test.txt',
      altered('/20130524/', '/20130525/'),
      'AuthorizationHeaderMalformed',
    ],
    ['another algorithm', '/test.txt', altered('SHA256', 'SHA1'), 'AuthorizationHeaderMalformed'],
    ['no date', '/test.txt', without('x-amz-date'), 'AuthorizationHeaderMalformed'],
    [
      'a date of another form',
      '/test.txt',
      { ...getObject, 'x-amz-date': '2013-05-24' },
      'AuthorizationHeaderMalformed',
    ],
    [
      'a body',
      '/test.txt',
      { ...getObject, 'x-amz-content-sha256': 'ab'.repeat(32) },
      'XAmzContentSHA256Mismatch',
    ],
    [
      'a header of S3 that is not signed',
      '/test.txt',
      { ...getObject, 'x-amz-acl': 'a' },
      'AccessDenied',
    ],
    ['a host that is not signed', '/test.txt', altered('=host;', '='), 'AccessDenied'],
  ])('%s', (_, url, headers, fault) => {
    expect(check(url, headers)).toBe(fault);
  });

  it('another method', () => {
    expect(check('/test.txt', getObject, then, 'HEAD')).toBe('SignatureDoesNotMatch');
  });

  it('another time', () => {
    const minutes = (count: number) => then + count * 60_000;
    expect(check('/test.txt', getObject, minutes(14))).toBeUndefined();
    expect(check('/test.txt', getObject, minutes(16))).toBe('RequestTimeTooSkewed');
    expect(check('/test.txt', getObject, minutes(-16))).toBe('RequestTimeTooSkewed');
    expect(check(presigned, host, then + 86400_000)).toBeUndefined();
    expect(check(presigned, host, then + 86401_000)).toBe('AccessDenied');
    expect(check(presigned.replace('=86400', '=864000'), host)).toBe(
      'AuthorizationHeaderMalformed',
    );
  });
});

describe('a token', () => {
  const credentials = createCredentials();
  const show = (value?: string) =>
    denial(
      request('/', value === undefined ? host : { ...host, Authorization: value }),
      credentials,
    );
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

  it('is taken as Bearer, and as the password of Basic', () => {
    expect(show(`Bearer ${credentials.token}`)).toBeUndefined();
    expect(show(basic(`anyone:${credentials.token}`))).toBeUndefined();
  });

  it.each([
    ['nothing', undefined],
    ['an empty one', 'Bearer '],
    ['part of it', `Bearer ${credentials.token.slice(1)}`],
    ['more than it', `Bearer ${credentials.token}a`],
    ['the secret key', `Bearer ${credentials.secretAccessKey}`],
    ['a name alone', basic(credentials.token)],
    ['no scheme', credentials.token],
  ])('and %s is not', (_, value) => {
    expect(show(value)).toBe('Unauthorized');
  });

  it('is another one for every gateway', () => {
    const others = [credentials, createCredentials(), createCredentials()];
    expect(new Set(others.map(({ token }) => token)).size).toBe(3);
    expect(new Set(others.map(({ accessKeyId }) => accessKeyId)).size).toBe(3);
  });
});
