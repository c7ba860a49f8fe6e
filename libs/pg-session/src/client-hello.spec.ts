import { describe, expect, it } from '@jest/globals';
import { peekForClientHello, peekForTls } from './client-hello.js';

const record = (type: number, length: number, sent = length) =>
  Uint8Array.of(type, 3, 1, length >> 8, length & 0xff, ...new Uint8Array(sent));
const enough = { kind: 'value', value: 'enough', consumed: 0 };
const incomplete = { kind: 'incomplete' };

describe('the first record of a handshake', () => {
  it('has come when it is whole, at every length of what has come of it', () => {
    const whole = record(0x16, 1_700);
    for (let length = 0; length < whole.length; length++) {
      expect(peekForClientHello(whole.subarray(0, length))).toEqual(incomplete);
    }
    expect(peekForClientHello(whole)).toEqual(enough);
  });

  it('has come as well when there is more behind it', () => {
    expect(peekForClientHello(record(0x16, 300, 301))).toEqual(enough);
  });

  it.each([
    ['is no handshake', Uint8Array.of(0x17)],
    ['is longer than a record may be', record(0x16, 16_385, 0)],
  ])('is not waited for when it %s', (_what, bytes) => {
    expect(peekForClientHello(bytes)).toEqual(enough);
  });

  it('is waited for up to the longest that a record may be', () => {
    expect(peekForClientHello(record(0x16, 16_384, 16_383))).toEqual(incomplete);
    expect(peekForClientHello(record(0x16, 16_384))).toEqual(enough);
  });
});

describe('the first byte', () => {
  it.each([
    ['of TLS', record(0x16, 300), { kind: 'value', value: true, consumed: 0 }],
    ['of a startup packet', Uint8Array.of(0, 0, 0, 8), { kind: 'value', value: false, consumed: 0 }],
    ['that is still to come', new Uint8Array(0), incomplete],
  ])('%s is told', (_what, bytes, told) => {
    expect(peekForTls(bytes)).toEqual(told);
  });
});
