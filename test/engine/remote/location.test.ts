import { describe, expect, it } from 'vitest';
import { locationOf } from '#strongroom/engine/locate.js';
import { remoteLocation, shownName } from '#strongroom/engine/remote/location.js';
import { outcome } from '../../support/archive.ts';

describe('an address', () => {
  it('is told from a path by its scheme', () => {
    expect(locationOf('weights.srm')).toEqual({ kind: 'file', path: 'weights.srm' });
    expect(locationOf('./s3:/x')).toMatchObject({ kind: 'file' });
    expect(locationOf('HTTPS://host/x?a=b#c')).toEqual({ kind: 'http', url: 'https://host/x?a=b' });
    expect(locationOf('s3://models/a b/ü?#.srm')).toEqual({
      kind: 's3',
      bucket: 'models',
      key: 'a b/ü?#.srm',
    });
  });

  it.each(['s3://', 's3://bucket', 's3://bucket/', 's3://bucket/directory/', 'https://'])(
    '%s is refused',
    async (address) => {
      expect(await outcome(() => remoteLocation(address))).toBe('USAGE');
    },
  );

  it('with a password is refused, and the password not shown', async () => {
    const address = 'https://user:hunter2@host/x?token=abc';
    expect(await outcome(() => remoteLocation(address))).toBe('USAGE');
    try {
      remoteLocation(address);
    } catch (error) {
      expect(String(error)).not.toMatch(/hunter2|abc/);
    }
  });
});

it('is shown without query, fragment and user', () => {
  expect(shownName('https://u:p@host/x?sig=1')).toBe('https://host/x?…');
  expect(shownName('http://host/x#frag')).toBe('http://host/x?…');
  expect(shownName('s3://b/k?x')).toBe('s3://b/k?x');
  expect(shownName('weights?.srm')).toBe('weights?.srm');
});
