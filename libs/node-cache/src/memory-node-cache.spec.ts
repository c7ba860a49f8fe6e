import { describe, expect, it } from '@jest/globals';
import { type NodeCachePort, type NodeInfo, SuspectNode } from '@pgwake/connect-core';
import { type EndpointId, type Generation, parseEndpointId, parseGeneration } from '@pgwake/ids';
import fc from 'fast-check';
import { createMemoryNodeCache } from './memory-node-cache.js';

const demo = parseEndpointId('demo') as EndpointId;

function node(generation: number, endpoint: EndpointId = demo): NodeInfo {
  return {
    endpoint,
    generation: parseGeneration(generation) as Generation,
    address: { kind: 'unix', socketDirectory: `/tmp/${generation}`, port: 5432 },
    identity: { kind: 'unproven' },
  };
}

function setUp(bounds: { maxEntries?: number; maxAgeMs?: number } = {}) {
  let nowMs = 1;
  const clock = { now: () => nowMs };
  const cache = createMemoryNodeCache({ maxEntries: 100, maxAgeMs: 30_000, ...bounds, clock });
  return {
    cache,
    now: () => nowMs,
    pass: (byMs: number) => void (nowMs += byMs),
    put: (generation: number, knownSinceMs = nowMs, endpoint = demo) =>
      cache.put(node(generation, endpoint), knownSinceMs),
    evict: (generation: number, endpoint = demo) => cache.evict(suspect(generation, endpoint)),
    held: (endpoint = demo) => held(cache, endpoint),
  };
}

const suspect = (generation: number, endpoint = demo) =>
  new SuspectNode(endpoint, parseGeneration(generation) as Generation);
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
    const { put, evict, held, now, pass } = setUp();
    await put(3);
    const knownSinceMs = now();
    pass(10);
    await evict(3);
    pass(10);
    await put(3, knownSinceMs);
    await put(2, knownSinceMs);
    expect(await held()).toBeUndefined();
  });
  it('a late put is refused for as long as an entry lives, even when there was nothing to evict', async () => {
    const { put, evict, held, now, pass } = setUp({ maxAgeMs: 1_000 });
    const knownSinceMs = now();
    pass(10);
    await evict(3);
    pass(1_000);
    await put(3, knownSinceMs);
    expect(await held()).toBeUndefined();
  });
  it('takes a generation again that wake-service has named since the evict', async () => {
    const { put, evict, held, now, pass } = setUp();
    await put(3);
    pass(10);
    await evict(3);
    await put(3, now());
    expect(await held()).toBe(3);
  });
  it('takes it also when a second one, who had read the entry before the first evict, evicts in between', async () => {
    const { put, evict, held, now, pass } = setUp();
    await put(3);
    pass(10);
    await evict(3);
    const namedAgainMs = now();
    pass(10);
    await evict(3);
    await put(3, namedAgainMs);
    expect(await held()).toBe(3);
  });
  it('takes a higher generation after an evict, whenever it became known', async () => {
    const { put, evict, held, pass } = setUp();
    await put(3);
    pass(10);
    await evict(3);
    await put(4, 1);
    expect(await held()).toBe(4);
  });
  it('keeps the tombstone of the higher generation when a lower one is evicted later', async () => {
    const { put, evict, held, pass } = setUp();
    pass(10);
    await evict(5);
    await evict(3);
    await put(5, 1);
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
    const { put, held, now } = setUp({ maxEntries: 2 });
    const [a, b, c] = ['a', 'b', 'c'] as [EndpointId, EndpointId, EndpointId];
    await put(1, now(), a);
    await put(1, now(), b);
    await held(a);
    await put(1, now(), c);
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

  it('whatever the order of puts and evicts, never holds an evicted generation that is not known afresh', async () => {
    const step = fc.record({
      does: fc.constantFrom('put', 'evict', 'pass'),
      generation: fc.integer({ min: 1, max: 4 }),
      knownAgoMs: fc.integer({ min: 0, max: 30 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { put, evict, held, pass, now } = setUp({ maxAgeMs: 1_000_000 });
        pass(100);
        let highestPut = 0;
        const evictedAt = new Map<number, number>();
        const knownSince = new Map<number, number>();
        for (const { does, generation, knownAgoMs } of steps) {
          pass(1);
          if (does === 'put') {
            knownSince.set(generation, Math.max(now() - knownAgoMs, knownSince.get(generation) ?? 0));
            highestPut = Math.max(highestPut, generation);
            await put(generation, now() - knownAgoMs);
          } else if (does === 'evict') {
            if ((await held()) === generation || !evictedAt.has(generation)) evictedAt.set(generation, now());
            await evict(generation);
          } else pass(10);
          const found = await held();
          if (found === undefined) continue;
          expect(found).toBeLessThanOrEqual(highestPut);
          expect(knownSince.get(found)).toBeGreaterThanOrEqual(evictedAt.get(found) ?? 0);
        }
      }),
      { numRuns: 300 },
    );
  });
});
