import { describe, expect, it } from '@jest/globals';
import { NextRead } from './next-read.js';

/** A read that ends when the test says so. */
function heldReads() {
  const reads: { keys: readonly string[]; end: (value: string) => void; fail: (error: Error) => void }[] = [];
  const next = new NextRead<string, string>(
    (keys) =>
      new Promise((resolve, reject) => {
        reads.push({ keys, end: (value) => resolve(new Map(keys.map((key) => [key, value]))), fail: reject });
      }),
  );
  return { next, reads };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('NextRead', () => {
  it('answers a question only from a read that began after it, and holds one read at a time', async () => {
    const { next, reads } = heldReads();
    const first = next.ask('a');
    await turn();
    const second = next.ask('a');
    const third = next.ask('b');
    await turn();
    expect(reads).toHaveLength(1);
    reads[0]?.end('old');
    expect(await first).toBe('old');
    await turn();
    expect(reads[1]?.keys).toEqual(['a', 'b']);
    reads[1]?.end('new');
    expect(await Promise.all([second, third])).toEqual(['new', 'new']);
    expect(reads).toHaveLength(2);
  });

  it('puts questions of the same moment into one read, and knows what is not there', async () => {
    const { next, reads } = heldReads();
    const answers = Promise.all([next.ask('a'), next.ask('b'), next.ask('a')]);
    await turn();
    expect(reads.map((read) => read.keys)).toEqual([['a', 'b']]);
    reads[0]?.end('x');
    expect(await answers).toEqual(['x', 'x', 'x']);
    const none = new NextRead<string, string>(() => Promise.resolve(new Map()));
    expect(await none.ask('a')).toBeUndefined();
  });

  it('goes on after a read that failed', async () => {
    const { next, reads } = heldReads();
    const first = next.ask('a');
    await turn();
    const second = next.ask('a');
    reads[0]?.fail(new Error('lost'));
    await expect(first).rejects.toThrow('lost');
    await turn();
    reads[1]?.end('there');
    expect(await second).toBe('there');
  });
});
