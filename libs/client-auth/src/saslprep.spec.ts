import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { saslprep } from './saslprep.js';

describe('saslprep', () => {
  it.each([
    // Mapped and normalised; the first three are examples of RFC 4013, section 3.
    ['I\u00adX', 'IX'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['a\u00a0b', 'a b'],
    ['a\u200bb', 'a b'],
    ['a\u200db', 'ab'],
    ['u\u0308', '\u00fc'],
    ['\u00fc', '\u00fc'],
    ['\u0627\u0031\u0628', '\u0627\u0031\u0628'],
  ])('makes %j into %j', (password, prepared) => {
    expect(saslprep(password)).toBe(prepared);
  });

  it.each([
    ['ASCII, control characters included', 'a\u0007b\u007f '],
    ['nothing', ''],
    ['only what maps to nothing', '\u00ad\ufe0f'],
    ['a control character beside other letters', 'u\u0308\u0007'],
    ['right-to-left text that ends otherwise', '\u0627\u2160\u0031'],
    ['right-to-left text with left-to-right letters', '\u0627\u2168\u0628'],
    ['a private use character', '\u2168\ue000'],
    ['a character that Unicode 3.2 did not have', '\u2168\u{1f600}'],
    ['one such that normalises to an older one', '\u213c'],
    ['a deprecated accent that normalises to an allowed one', 'a\u0340'],
    ['a lone surrogate', '\u2168\ud800'],
    ['the replacement character', '\u2168\ufffd'],
    ['a tag', '\u2168\u{e0041}'],
  ])('leaves as it is: %s', (_name, password) => {
    expect(saslprep(password)).toBe(password);
  });

  it('changes nothing at the second time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (password) => {
        const once = saslprep(password);
        expect(saslprep(once)).toBe(once);
      }),
    );
  });
});
