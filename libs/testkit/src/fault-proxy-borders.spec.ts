import { describe, expect, it } from '@jest/globals';
import {
  concatBytes,
  encodeGssEncRequest,
  encodeNoticeResponse,
  encodeQuery,
  encodeReadyForQuery,
  encodeSslRequest,
  encodeStartupMessage,
  encodeTerminate,
} from '@pgwake/pg-wire';
import { createBorders } from './fault-proxy-borders.js';

const startup = encodeStartupMessage([['user', 'app']]);
const notice = encodeNoticeResponse({ severity: 'NOTICE', code: '00000', message: 'Nothing to see' });
const ready = encodeReadyForQuery();

/** The offsets of all borders, found with a stream cut into pieces of `step` bytes. */
function bordersOf(direction: 'up' | 'down', stream: Uint8Array, step: number, encryptionAnswersDue = 0): number[] {
  const borders = createBorders(direction, { encryptionAnswersDue });
  const found: number[] = [];
  for (let start = 0; start < stream.length; start += step) {
    const piece = stream.subarray(start, start + step);
    let rest = piece;
    while (rest.length > 0) {
      const part = rest.subarray(0, borders.find(rest, 1));
      rest = rest.subarray(part.length);
      if (borders.pass(part) === 1) found.push(start + piece.length - rest.length);
    }
  }
  return found;
}

/** Where each of the parts ends. */
function endsOf(...parts: Uint8Array[]): number[] {
  let end = 0;
  return parts.map((part) => (end += part.length));
}

describe('borders of Postgres messages', () => {
  it.each([1, 2, 7, 1_000])('are the same in pieces of %d bytes', (step) => {
    const up = [encodeSslRequest(), encodeGssEncRequest(), startup, encodeQuery('SELECT 1'), encodeTerminate()];
    expect(bordersOf('up', concatBytes(...up), step)).toEqual(endsOf(...up));
    // The two letters N are answers, the third one starts a NoticeResponse.
    const down = [Buffer.from('N'), Buffer.from('N'), notice, ready];
    expect(bordersOf('down', concatBytes(...down), step, 2)).toEqual(endsOf(...down));
  });

  it('are where the other direction says that an answer without a length is due', () => {
    const talk = { encryptionAnswersDue: 0 };
    const [up, down] = [createBorders('up', talk), createBorders('down', talk)];
    expect(up.pass(encodeSslRequest())).toBe(1);
    expect(down.pass(Buffer.from('N'))).toBe(1);
    expect(up.pass(startup)).toBe(1);
    expect(down.pass(concatBytes(notice, ready))).toBe(2);
  });

  it('can be counted ahead', () => {
    const down = createBorders('down', { encryptionAnswersDue: 0 });
    const stream = concatBytes(notice, ready, notice);
    expect(down.find(stream, 2)).toBe(notice.length + ready.length);
    expect(down.find(stream, 9)).toBe(stream.length);
    expect(down.pass(stream)).toBe(3);
  });

  it('are gone once the stream is encrypted or no Postgres', () => {
    const handshake = Buffer.from('160301020001000000', 'hex');
    expect(bordersOf('up', concatBytes(encodeSslRequest(), handshake), 3)).toEqual([8]);
    expect(bordersOf('down', concatBytes(Buffer.from('S'), notice), 3, 1)).toEqual([]);
    expect(bordersOf('down', Buffer.from('x\0\0\0\u0001abc'), 3)).toEqual([]);
  });
});
