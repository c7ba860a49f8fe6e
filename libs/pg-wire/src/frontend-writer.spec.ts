import { describe, expect, it } from '@jest/globals';
import { FrontendWriter, encodeQuery } from './index.js';

const written = (writer: FrontendWriter): string => Buffer.from(writer.bytes()).toString('latin1');

describe('FrontendWriter', () => {
  it('writes each message as the manual has it', () => {
    expect(written(new FrontendWriter().parse('SELECT $1'))).toBe('P\0\0\0\x11\0SELECT $1\0\0\0');
    expect(written(new FrontendWriter().bind(['ab', null, '']))).toBe(
      'B\0\0\0\x1a\0\0\0\0\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0\0\0',
    );
    expect(written(new FrontendWriter().describePortal())).toBe('D\0\0\0\x06P\0');
    expect(written(new FrontendWriter().execute())).toBe('E\0\0\0\x09\0\0\0\0\0');
    expect(written(new FrontendWriter().sync())).toBe('S\0\0\0\x04');
    expect(written(new FrontendWriter().copyFail('no'))).toBe('f\0\0\0\x07no\0');
    expect(new FrontendWriter().query('SELECT 1').bytes()).toEqual(encodeQuery('SELECT 1'));
  });

  it('writes one behind the other', () => {
    expect(written(new FrontendWriter().execute().sync())).toBe('E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04');
  });

  it('begins anew as if nothing had been written', () => {
    for (const length of [10, 100_000]) {
      const writer = new FrontendWriter().query('x'.repeat(length)).bind([null]);
      writer.clear();
      expect(written(writer)).toBe('');
      expect(written(writer.bind(['ab', null]))).toBe(written(new FrontendWriter().bind(['ab', null])));
    }
  });

  it.each([1, 500, 1_024, 1_025, 100_000])('writes %d characters of any width', (length) => {
    for (const character of ['a', 'ü', '\u20ac', '\u{1f418}']) {
      const text = character.repeat(length);
      expect(new FrontendWriter().query(text).bytes()).toEqual(encodeQuery(text));
      const bound = Buffer.from(new FrontendWriter().bind([text]).bytes());
      expect(bound.readInt32BE(11)).toBe(Buffer.byteLength(text));
      expect(bound.subarray(15, -2).toString()).toBe(text);
    }
  });

  it('refuses NUL in a text and more parameters than can be counted', () => {
    expect(() => new FrontendWriter().parse('a\0b')).toThrow(RangeError);
    expect(() => new FrontendWriter().bind(new Array<null>(65_536).fill(null))).toThrow(RangeError);
  });
});
