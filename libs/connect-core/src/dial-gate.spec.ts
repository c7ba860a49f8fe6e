import { describe, expect, it } from '@jest/globals';
import { DialGate } from './dial-gate.js';
import { CachedNode, FreshNode } from './node.js';
import { endpoint } from './testing/scenario.js';
import { nodeInfo } from './testing/script-world.js';

// What the stories of many clients do not reach: the corners of one gate.

const cached = (generation: number) => new CachedNode(nodeInfo(endpoint, generation));
const fresh = (generation: number) => new FreshNode(nodeInfo(endpoint, generation));
const never = new AbortController().signal;

describe('the gate before an address', () => {
  it('passes on the place that came free in the very moment its next in line left', async () => {
    const gate = new DialGate({ dialsInFlight: 1, waiting: 10 });
    const [first, second, third] = [{}, {}, {}];
    const leaves = new AbortController();
    expect(await gate.enter(first, cached(3), never)).toBe('admitted');
    gate.answers(cached(3).info.generation);
    const left = gate.enter(second, cached(3), leaves.signal);
    const next = gate.enter(third, cached(3), never);
    leaves.abort(new Error('left'));
    gate.done();
    await expect(left).rejects.toThrow('left');
    expect(await next).toBe('admitted');
  });
  it('lets a fresh address of a distrusted generation be dialled, but no cached one', async () => {
    const gate = new DialGate({ dialsInFlight: 2, waiting: 10 });
    expect(await gate.enter({}, cached(3), never)).toBe('admitted');
    gate.distrust(cached(3).info.generation);
    expect(await gate.enter({}, cached(3), never)).toBe('outdated');
    expect(await gate.enter({}, fresh(3), never)).toBe('admitted');
  });
  it('takes no news of a generation that is not the current one', async () => {
    const gate = new DialGate({ dialsInFlight: 2, waiting: 10 });
    expect(await gate.enter({}, fresh(4), never)).toBe('admitted');
    const follower = gate.enter({}, fresh(4), never);
    gate.answers(cached(3).info.generation);
    gate.distrust(cached(3).info.generation);
    const early = await Promise.race([follower, Promise.resolve('still waiting')]);
    expect(early).toBe('still waiting');
    gate.answers(fresh(4).info.generation);
    expect(await follower).toBe('admitted');
  });
});

describe('leave to dial ahead of a journey', () => {
  const { generation } = cached(3).info;
  const limits = { dialsInFlight: 2, waiting: 10 };

  it('is given where nobody has dialled yet, and where the address answers', async () => {
    const gate = new DialGate(limits);
    expect(gate.goAhead(generation)).toBe('go');
    expect(await gate.enter({}, cached(3), never)).toBe('admitted');
    gate.answers(generation);
    gate.comeBack();
    expect(gate.goAhead(generation)).toBe('go');
  });
  it('is not given while one journey finds out whether the address answers, nor for one that is distrusted', async () => {
    const gate = new DialGate(limits);
    const leader = {};
    expect(await gate.enter(leader, cached(3), never)).toBe('admitted');
    expect(gate.goAhead(generation)).toBe('stay');
    gate.answers(generation);
    gate.silent(leader, generation);
    expect(gate.goAhead(generation)).toBe('stay');
    gate.distrust(generation);
    expect(gate.goAhead(generation)).toBe('stay');
  });
  it('is not given for another generation than the one that answers', async () => {
    const gate = new DialGate(limits);
    expect(await gate.enter({}, cached(3), never)).toBe('admitted');
    gate.answers(generation);
    expect(gate.goAhead(cached(2).info.generation)).toBe('stay');
    expect(gate.goAhead(cached(4).info.generation)).toBe('stay');
  });
  it('is given to no more than there are places for, dials in flight included', async () => {
    const gate = new DialGate(limits);
    expect(await gate.enter({}, cached(3), never)).toBe('admitted');
    gate.answers(generation);
    expect(gate.goAhead(generation)).toBe('go');
    expect(gate.goAhead(generation)).toBe('stay');
    gate.comeBack();
    expect(gate.goAhead(generation)).toBe('go');
  });
  it('keeps no journey waiting', async () => {
    const gate = new DialGate(limits);
    expect(gate.goAhead(generation)).toBe('go');
    expect(gate.goAhead(generation)).toBe('go');
    expect(await gate.enter({}, cached(3), never)).toBe('admitted');
    gate.answers(generation);
    expect(await gate.enter({}, cached(3), never)).toBe('admitted');
  });
});
