import { describe, expect, it } from '@jest/globals';
import { SessionTracker } from './session-tracker.js';

function message(tag: string, body = ''): Uint8Array {
  const bytes = Buffer.from(`${tag}\0\0\0\0${body}`);
  bytes.writeUInt32BE(body.length + 4, 1);
  return bytes;
}

/** Feeds lines of `> Q` (client) and `< C` (compute), a ReadyForQuery with its status: `< Z:T`. */
function track(script: string): SessionTracker {
  const tracker = new SessionTracker();
  for (const step of script.trim().split(/\s+(?=[<>])/)) {
    const [direction = '', ...tags] = step.split(/\s+/);
    for (const text of tags) {
      const [tag = '', body = ''] = text.split(':');
      if (direction === '>') tracker.fromClient.scan(message(tag, body));
      else tracker.fromCompute.scan(message(tag, body));
    }
  }
  return tracker;
}

describe('the session tracker', () => {
  it.each([
    ['', 'idle', 0],
    ['> Q', 'inQuery', 1],
    ['> Q < T D C', 'inQuery', 1],
    ['> Q < T D C Z:I', 'idle', 0],
    ['> Q < C Z:T', 'inTransaction', 0],
    ['> Q < E Z:E', 'inFailedTransaction', 0],
    ['> Q Q Q < C Z:I', 'inQuery', 2],
    ['> F < V Z:I', 'idle', 0],
    ['> P B D E', 'inQuery', 0],
    ['> P H < 1', 'inQuery', 0],
    ['> P B D E S < 1 2 T D C Z:I', 'idle', 0],
    ['> S S < Z:I', 'inQuery', 1],
    ['> Q < G', 'inCopyIn', 1],
    ['> Q < G > d d c', 'inQuery', 1],
    ['> Q < G > d f < E Z:I', 'idle', 0],
    ['> Q < G > d < E', 'inQuery', 1],
    ['> Q < G > S S d c < C Z:I', 'idle', 0],
    ['> P B E S < 1 2 G', 'inCopyIn', 0],
    ['> P B E S < 1 2 G > d c', 'inQuery', 0],
    ['> P B E S < 1 2 G > d c S < C Z:I', 'idle', 0],
    ['> P B E d c S < 1 2 G C Z:I', 'idle', 0],
    ['> Q d c Q < G C Z:I', 'inQuery', 1],
    // The COPY failed before the compute read the Sync that was taken for swallowed.
    ['> P B E S < 1 2 G > d S < E Z:I', 'idle', 0],
    // The end of a COPY that had failed already must not be taken for the end of the next one.
    ['> P B E S < 1 2 G > d < E > c S P B E S < Z:I 1 2 G', 'inCopyIn', 0],
    ['> Q < H', 'inCopyOut', 1],
    ['> Q < H d d c', 'inQuery', 1],
    ['> Q < H d d c C Z:I', 'idle', 0],
    ['> Q < H d E Z:I', 'idle', 0],
    ['> Q < W', 'inCopyBoth', 1],
    ['> Q < W d > d c', 'inCopyOut', 1],
    ['> Q < W d c', 'inCopyIn', 1],
    ['> Q < W d > c < c C Z:I', 'idle', 0],
    ['< A S N', 'idle', 0],
    ['> Q < A N C S Z:T A N', 'inTransaction', 0],
  ])('after "%s" says %s and expects %i replies', (script, state, repliesExpected) => {
    const tracker = track(script);
    expect({ state: tracker.state(), repliesExpected: tracker.repliesExpected }).toEqual({ state, repliesExpected });
  });

  it('knows that the client said goodbye', () => {
    expect(track('> Q').clientTerminated).toBe(false);
    expect(track('> Q X').clientTerminated).toBe(true);
  });

  it.each([
    ['< E', true],
    ['< E N A', true],
    ['> Q < E Z:I', false],
    ['< N', false],
  ])('after "%s" says that the compute said why: %s', (script, expected) => {
    expect(track(script).computeSaidWhy).toBe(expected);
  });

  it('is not idle while either side is inside a header', () => {
    const tracker = new SessionTracker();
    tracker.fromClient.scan(message('H').subarray(0, 3));
    expect(tracker.state()).toBe('inQuery');
    tracker.fromClient.scan(message('H').subarray(3));
    tracker.fromCompute.scan(message('A', 'payload').subarray(0, 7));
    expect([tracker.state(), tracker.atComputeBorder]).toEqual(['inQuery', false]);
    tracker.fromCompute.scan(message('A', 'payload').subarray(7));
    expect([tracker.state(), tracker.atComputeBorder]).toEqual(['idle', true]);
  });

  it('follows a message of a gigabyte without holding it', () => {
    const tracker = new SessionTracker();
    const chunk = new Uint8Array(1 << 20);
    expect(tracker.fromCompute.scan(Uint8Array.of(0x64, 0x3f, 0xff, 0xff, 0xff))).toBe(true);
    for (let left = 0x3fffffff - 4; left > 0; left -= chunk.length) {
      expect(tracker.atComputeBorder).toBe(false);
      tracker.fromCompute.scan(left < chunk.length ? chunk.subarray(0, left) : chunk);
    }
    expect(tracker.atComputeBorder).toBe(true);
  });

  it.each([0, 1, 3, 0x40000004, 0x7fffffff, 0x80000000, 0xffffffff])(
    'refuses the length %i from either side',
    (length) => {
      const header = Uint8Array.of(0x51, length >>> 24, length >>> 16, length >>> 8, length);
      expect(new SessionTracker().fromClient.scan(header)).toBe(false);
      expect(new SessionTracker().fromCompute.scan(header)).toBe(false);
    },
  );

  it('reads the same from a stream cut anywhere as from whole messages', () => {
    const stream = [
      message('T', 'x'.repeat(40)),
      message('D'),
      message('C', 'SELECT 1'),
      message('Z', 'T'),
      message('A'),
    ];
    const bytes = Uint8Array.from(stream.flatMap((part) => [...part]));
    for (let cut = 0; cut <= bytes.length; cut++) {
      const tracker = new SessionTracker();
      tracker.fromClient.scan(message('Q', 'select'));
      tracker.fromCompute.scan(bytes.subarray(0, cut));
      tracker.fromCompute.scan(bytes.subarray(cut));
      expect([tracker.state(), tracker.repliesExpected]).toEqual(['inTransaction', 0]);
    }
  });
});
