/** What `cat` gives a terminal: text, in which nothing moves the cursor. */
import { describe, expect, it } from 'vitest';
import { textGuard } from '#strongroom/cli/cat.js';

const whole = (bytes: Uint8Array) => () => textGuard('f')(bytes);
const latin1 = (text: string) => Buffer.from(text, 'latin1');

describe('the guard of a terminal', () => {
  it.each(['plain\ttext\r\n', 'é重😀', '\u00a0\u00ad', ''])('lets %j pass', (text) => {
    expect(whole(Buffer.from(text))).not.toThrow();
  });

  it('lets characters pass that are cut between chunks', () => {
    const guard = textGuard('f');
    const bytes = Buffer.from('é重😀');
    for (const byte of bytes) expect(() => guard(Uint8Array.of(byte))).not.toThrow();
  });

  it.each([
    ['ESC', latin1('\x1b[2J')],
    ['DEL', latin1('a\x7f')],
    ['NUL', latin1('a\0')],
    ['a C1 control in UTF-8', Buffer.from('\u009b2J')],
    ['a raw C1 control', latin1('a\x9b2J')],
    [
      'a raw C1 control behind a whole character',
      Buffer.concat([Buffer.from('é'), latin1('\x9b')]),
    ],
    ['Latin-1', latin1('caf\xe9 ')],
    ['an overlong control', Uint8Array.of(0xc0, 0x9b)],
  ])('refuses %s', (_, bytes) => {
    expect(whole(bytes)).toThrow(/looks binary/);
  });
});
