import { describe, expect, it } from '@jest/globals';
import { NextReadOfEach } from './next-read-of-each.js';

/** Reads that end when the test says so. */
function heldReads() {
  const reads: { key: string; end: (value: string) => void; fail: (error: Error) => void }[] = [];
  const each = new NextReadOfEach<string, string>();
  const ask = (key: string) =>
    each.ask(key, () => new Promise((resolve, reject) => reads.push({ key, end: resolve, fail: reject })));
  return { each, ask, reads };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('NextReadOfEach', () => {
  it('reads twice for a thousand who ask meanwhile, and the later ones get what was read after they asked', async () => {
    const { ask, reads } = heldReads();
    const first = ask('a');
    await turn();
    const crowd = Array.from({ length: 1_000 }, () => ask('a'));
    await turn();
    expect(reads).toHaveLength(1);
    reads[0]?.end('old');
    expect(await first).toBe('old');
    await turn();
    expect(reads).toHaveLength(2);
    reads[1]?.end('new');
    expect(new Set(await Promise.all(crowd))).toEqual(new Set(['new']));
  });

  it('keeps nobody waiting for the read of something else', async () => {
    const { ask, reads } = heldReads();
    const slow = ask('a');
    const quick = ask('b');
    await turn();
    reads[1]?.end('b there');
    expect(await quick).toBe('b there');
    reads[0]?.end('a there');
    expect(await slow).toBe('a there');
  });

  it('forgets what nobody asks about any more, also after a read that failed', async () => {
    const { each, ask, reads } = heldReads();
    const [failing, working] = [ask('a'), ask('b')];
    await turn();
    expect(each.size).toBe(2);
    reads[0]?.fail(new Error('lost'));
    reads[1]?.end('there');
    await expect(failing).rejects.toThrow('lost');
    await working;
    expect(each.size).toBe(0);
  });
});
