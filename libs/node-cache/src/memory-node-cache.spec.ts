import { describe, expect, it } from '@jest/globals';
import { type NodeCachePort, type NodeInfo, SuspectNode } from '@pgwake/connect-core';
import { type EndpointId, type Generation, parseEndpointId, parseGeneration } from '@pgwake/ids';
import fc from 'fast-check';
import { createMemoryNodeCache } from './memory-node-cache.js';
import { endOfGeneration } from './node-stamp.js';

const demo = parseEndpointId('demo') as EndpointId;

function node(generation: number, issuedAtMs = 1, endpoint: EndpointId = demo): NodeInfo {
  return {
    endpoint,
    generation: parseGeneration(generation) as Generation,
    address: { kind: 'unix', socketDirectory: `/tmp/${generation}`, port: 5432 },
    identity: { kind: 'unproven' },
    issuedAtMs,
    signature: undefined,
  };
}

function setUp(bounds: { maxEntries?: number; maxAgeMs?: number } = {}) {
  let nowMs = 1;
  const clock = { now: () => nowMs };
  const cache = createMemoryNodeCache({ maxEntries: 100, maxAgeMs: 30_000, ...bounds, clock });
  return {
    cache,
    pass: (byMs: number) => void (nowMs += byMs),
    put: (generation: number, issuedAtMs?: number, endpoint = demo) =>
      cache.put(node(generation, issuedAtMs, endpoint)),
    evict: (generation: number, issuedAtMs?: number) => cache.evict(suspect(generation, issuedAtMs)),
    held: (endpoint = demo) => held(cache, endpoint),
  };
}

const suspect = (generation: number, issuedAtMs = 1) =>
  new SuspectNode(demo, parseGeneration(generation) as Generation, issuedAtMs);
const held = async (cache: NodeCachePort, endpoint: EndpointId) => (await cache.get(endpoint))?.info.generation;

describe('the node cache in memory', () => {
  it('gives back what was put, as a cached node', async () => {
    const { cache, put } = setUp();
    await put(3);
    expect((await cache.get(demo))?.origin).toBe('cached');
    expect((await cache.get(demo))?.info).toEqual(node(3));
    expect(await cache.get('other' as EndpointId)).toBeUndefined();
  });
  it('gives every reader a handle of its own: one may be declared suspect without the other', async () => {
    const { cache, put } = setUp();
    await put(3);
    const [mine, yours] = await Promise.all([cache.get(demo), cache.get(demo)]);
    mine?.suspect();
    expect(yours?.info.generation).toBe(3);
  });
  it('shows what it holds to who only looks, and what was evicted or is too old to nobody', async () => {
    const { cache, put, evict, pass } = setUp();
    expect(cache.peek(demo)).toBeUndefined();
    await put(3);
    expect(cache.peek(demo)).toEqual(node(3));
    pass(30_001);
    expect(cache.peek(demo)).toBeUndefined();
    await put(4);
    await evict(4);
    expect(cache.peek(demo)).toBeUndefined();
  });
  it('lets a higher generation replace a lower one, never the other way round', async () => {
    const { put, held } = setUp();
    await put(3);
    await put(4);
    await put(3);
    expect(await held()).toBe(4);
  });
  it('a slow loser does not evict the entry of a winner', async () => {
    const { put, evict, held } = setUp();
    await put(4);
    await evict(3);
    expect(await held()).toBe(4);
  });
  it('a late put does not revive a generation that was evicted, nor one below it', async () => {
    const { put, evict, held } = setUp();
    await put(3);
    await evict(3);
    await put(3);
    await put(2, 99);
    expect(await held()).toBeUndefined();
  });
  it('a late put is refused also when there was nothing to evict', async () => {
    const { put, evict, held } = setUp();
    await evict(3);
    await put(3);
    expect(await held()).toBeUndefined();
  });
  it('takes a generation again that wake-service has named since', async () => {
    const { put, evict, held } = setUp();
    await put(3, 10);
    await evict(3, 10);
    await put(3, 11);
    expect(await held()).toBe(3);
  });
  it('keeps it when a second one, who had read the entry before the first evict, evicts after that', async () => {
    const { put, evict, held } = setUp();
    await put(3, 10);
    await evict(3, 10);
    await put(3, 11);
    await evict(3, 10);
    expect(await held()).toBe(3);
  });
  it('does not take a generation again that is over', async () => {
    const { cache, put, held } = setUp();
    await put(3, 10);
    cache.outdate(endOfGeneration(demo, parseGeneration(3) as Generation));
    await put(3, 1_790_000_000_000);
    expect(await held()).toBeUndefined();
    await put(4, 9);
    expect(await held()).toBe(4);
  });
  it('keeps the word on the higher generation when a lower one is evicted later', async () => {
    const { put, evict, held } = setUp();
    await evict(5);
    await evict(3);
    await put(5);
    expect(await held()).toBeUndefined();
  });
  it('forgets an entry at its age, counted from the last put of that generation', async () => {
    const { put, held, pass } = setUp({ maxAgeMs: 1_000 });
    await put(3);
    pass(900);
    await put(3);
    pass(900);
    expect(await held()).toBe(3);
    pass(200);
    expect(await held()).toBeUndefined();
  });
  it('is bounded: the endpoint used longest ago goes first', async () => {
    const { put, held } = setUp({ maxEntries: 2 });
    const [a, b, c] = ['a', 'b', 'c'] as [EndpointId, EndpointId, EndpointId];
    await put(1, 1, a);
    await put(1, 1, b);
    await held(a);
    await put(1, 1, c);
    expect([await held(a), await held(b), await held(c)]).toEqual([1, undefined, 1]);
  });
  it('consumes the suspect: evicting with the same handle twice is a programming error', async () => {
    const { cache } = setUp();
    const handle = suspect(3);
    await cache.evict(handle);
    await expect(cache.evict(handle)).rejects.toThrow('evicted twice');
  });
  it.each([{ maxEntries: 0 }, { maxEntries: NaN }, { maxEntries: Infinity }, { maxAgeMs: 0 }, { maxAgeMs: Infinity }])(
    'refuses bounds that hold nothing or everything: %j',
    (bounds) => {
      expect(() => setUp(bounds)).toThrow(RangeError);
    },
  );

  it('holds the highest stamp it was told of, whatever the order of puts and evicts', async () => {
    const step = fc.record({
      does: fc.constantFrom('put', 'evict'),
      generation: fc.integer({ min: 1, max: 4 }),
      issuedAtMs: fc.integer({ min: 1, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { cache, put, evict } = setUp();
        let highest = 0;
        for (const { does, generation, issuedAtMs } of steps) {
          await (does === 'put' ? put(generation, issuedAtMs) : evict(generation, issuedAtMs));
          highest = Math.max(highest, generation * 100 + issuedAtMs * 10 + (does === 'evict' ? 1 : 0));
        }
        const info = (await cache.get(demo))?.info;
        if (info) expect(info.generation * 100 + info.issuedAtMs * 10).toBe(highest);
        else expect(highest % 10).toBe(highest === 0 ? 0 : 1);
      }),
      { numRuns: 300 },
    );
  });
});
