import { describe, expect, it } from '@jest/globals';
import type { Generation } from '@pgwake/ids';
import { CachedNode, FreshNode, SuspectNode } from './node.js';
import type { DialAttempt, Mechanism, NodeCachePort } from './ports.js';
import { endpoint } from './testing/scenario.js';
import { nodeInfo } from './testing/script-world.js';
import { type FreshVerdict, judgeFreshDial } from './verdict.js';

const cached = (): CachedNode => new CachedNode(nodeInfo(endpoint, 3));
const fresh = new FreshNode(nodeInfo(endpoint, 3));

describe('a suspect', () => {
  it('has lost its address: the cached node it came from cannot be used or declared suspect again', () => {
    const node = cached();
    const suspect = node.suspect();
    expect(suspect).toMatchObject({ endpoint, generation: 3 });
    expect(() => node.info).toThrow('after it was declared suspect');
    expect(() => node.suspect()).toThrow('after it was declared suspect');
  });
  it('is consumed by its eviction', () => {
    const suspect = new SuspectNode(endpoint, 3 as Generation, 7);
    expect(suspect.consumeForEviction()).toEqual({ endpoint, generation: 3, issuedAtMs: 7 });
    expect(() => suspect.consumeForEviction()).toThrow('evicted twice');
  });
});

// Never called: `tsc -p tsconfig.spec.json` fails when one of these lines compiles without its error.
export function theseDoNotCompile(
  mechanism: Mechanism<unknown>,
  cache: NodeCachePort,
  attempt: DialAttempt,
): readonly unknown[] {
  return [
    // @ts-expect-error A suspect cannot be dialled.
    mechanism.dialOnce(cached().suspect(), attempt),
    // @ts-expect-error A fresh node cannot be declared suspect.
    fresh.suspect(),
    // @ts-expect-error A fresh node cannot be evicted.
    cache.evict(fresh),
    // @ts-expect-error A cached node is declared suspect before it is evicted.
    cache.evict(cached()),
    // @ts-expect-error The verdict on a fresh node is never to replace it.
    ((verdict: FreshVerdict): boolean => verdict.kind === 'replace')(judgeFreshDial({} as never)),
  ];
}
