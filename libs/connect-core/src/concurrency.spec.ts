import { describe, expect, it } from '@jest/globals';
import { type Generation, millis } from '@pgwake/ids';
import { SuspectNode } from './node.js';
import { type Scenario, type ScenarioOptions, createScenario, endpoint } from './testing/scenario.js';
import { nodeInfo } from './testing/script-world.js';
import type { DialEvent } from './testing/script-world.js';

// Many clients of one endpoint at once: one wake, one leading dial, a fair queue.

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const scenario = (options: Omit<ScenarioOptions, 'settle'>): Scenario => createScenario({ settle, ...options });

type Travel = ReturnType<Scenario['travel']>;

async function endsOf(story: Scenario, journeys: readonly Travel[]): Promise<(number | string)[]> {
  const results = await story.clock.run(Promise.all(journeys));
  expect(story.clock.pending).toBe(0);
  return results.map((result) => (result.ok ? result.connection.generation : result.error.code));
}

const count = (story: Scenario, call: string): number => story.told().filter((told) => told === call).length;

/** Starts so many journeys; each can be made to leave. */
function crowd(story: Scenario, size: number): { readonly leave: (() => void)[]; readonly journeys: Travel[] } {
  const clients = Array.from({ length: size }, () => new AbortController());
  return {
    leave: clients.map((client) => () => client.abort()),
    journeys: clients.map(({ signal }) => story.travel({ signal })),
  };
}

describe('a hundred clients of a sleeping endpoint', () => {
  it('make one wake, and each gets a connection of its own', async () => {
    const story = scenario({
      onWake: () => ({ wake: 'ok', generation: 1, afterMs: 50 }),
      onDial: () => ({ dial: 'ok', afterMs: 5 }),
    });
    const ends = await endsOf(story, crowd(story, 100).journeys);
    expect(ends).toEqual(Array(100).fill(1));
    expect(count(story, 'wake')).toBe(1);
    expect(count(story, 'dial fresh 1')).toBe(100);
  });
  it('make one wake too when their cached address is dead, and one of them finds that out for all', async () => {
    const story = scenario({
      cached: 3,
      onWake: () => ({ wake: 'ok', generation: 4, afterMs: 50 }),
      onDial: (node) => (node.origin === 'cached' ? { dial: 'hangs' } : { dial: 'ok', afterMs: 5 }),
    });
    const ends = await endsOf(story, crowd(story, 100).journeys);
    expect(ends).toEqual(Array(100).fill(4));
    expect(count(story, 'dial cached 3')).toBe(1);
    expect(count(story, 'wake(3)')).toBe(1);
    expect(count(story, 'evict 4')).toBe(0);
  });
  it('share the failures and the pauses of the wake: it is repeated once, not a hundred times', async () => {
    let calls = 0;
    const story = scenario({
      onWake: () => (++calls <= 3 ? { wake: 'BUSY', afterMs: 2 } : { wake: 'ok', generation: 1 }),
      onDial: () => ({ dial: 'ok' }),
    });
    expect(await endsOf(story, crowd(story, 100).journeys)).toEqual(Array(100).fill(1));
    expect(calls).toBe(4);
  });
  it('dial a compute that is starting one at a time: one leads, pauses included', async () => {
    let dials = 0;
    const story = scenario({
      onWake: () => ({ wake: 'ok', generation: 1 }),
      onDial: () => (++dials <= 5 ? { dial: 'COMPUTE_STARTING', afterMs: 1 } : { dial: 'ok', afterMs: 1 }),
    });
    expect(await endsOf(story, crowd(story, 100).journeys)).toEqual(Array(100).fill(1));
    expect(dials).toBe(5 + 100);
  });
  it('are led again when the address stops answering: one tries, the others wait', async () => {
    let dials = 0;
    const story = scenario({
      cached: 3,
      policy: { dialsInFlightPerEndpoint: 1 },
      onDial: () => (++dials === 2 ? { dial: 'COMPUTE_STARTING', options: { retryAfterMs: 5_000 } } : { dial: 'ok' }),
    });
    const { journeys } = crowd(story, 100);
    await story.clock.advance(4_000);
    expect(dials).toBe(2);
    expect(await endsOf(story, journeys)).toEqual(Array(100).fill(3));
  });
  it('all get in even if the mechanism takes "starting up" for a sign of readiness', async () => {
    let isUp = false;
    const story = scenario({
      onWake: () => ({ wake: 'ok', generation: 1 }),
      onDial: () => (isUp ? { dial: 'ok' } : { dial: 'COMPUTE_STARTING', saysServerByte: true, afterMs: 1 }),
    });
    const { journeys } = crowd(story, 100);
    await story.clock.advance(3_000);
    // One crowd was drawn; after that one leads again.
    expect(count(story, 'dial fresh 1')).toBeLessThan(32 + 20);
    isUp = true;
    expect(await endsOf(story, journeys)).toEqual(Array(100).fill(1));
  });
  it('are led by the same one when wake-service, asked again, names the same generation', async () => {
    let dials = 0;
    const story = scenario({
      policy: { askAgainAfterSuspectDials: 1 },
      onWake: (suspect) => ({ wake: 'ok', generation: suspect ?? 1, afterMs: 2 }),
      onDial: () => (++dials <= 5 ? { dial: 'COMPUTE_REFUSED', afterMs: 10 } : { dial: 'ok', afterMs: 10 }),
    });
    expect(await endsOf(story, crowd(story, 100).journeys)).toEqual(Array(100).fill(1));
    expect(dials).toBe(5 + 100);
  });
  it('do not wait for one who was told that the compute is full', async () => {
    let dials = 0;
    const story = scenario({
      onWake: () => ({ wake: 'ok', generation: 1 }),
      onDial: () => (++dials === 1 ? { dial: 'COMPUTE_FULL', options: { retryAfterMs: 10_000 } } : { dial: 'ok' }),
    });
    const { journeys } = crowd(story, 2);
    expect((await story.clock.run(journeys[1] as Travel)).report.totalMs).toBe(0);
    expect(await endsOf(story, journeys)).toEqual([1, 1]);
  });
  it('count the wake call they joined as theirs too', async () => {
    const story = scenario({
      onWake: () => ({ wake: 'ok', generation: 1, afterMs: 100 }),
      onDial: () => ({ dial: 'ok' }),
    });
    const first = story.travel();
    await story.clock.advance(40);
    const results = await story.clock.run(Promise.all([first, story.travel()]));
    expect(results.map(({ report }) => [report.wakeAttempts, report.wakeWaitMs])).toEqual([
      [1, 100],
      [1, 60],
    ]);
  });
  it('who join a wake call that is lost get another one: no call outlives the deadline of the one who made it', async () => {
    let calls = 0;
    const story = scenario({
      onWake: () => (++calls === 1 ? { wake: 'hangs' } : { wake: 'ok', generation: 1 }),
      onDial: () => ({ dial: 'ok' }),
    });
    const first = story.travel();
    await story.clock.advance(20_000);
    expect(await endsOf(story, [first, story.travel()])).toEqual(['WAKE_TIMEOUT', 1]);
    expect(calls).toBe(2);
  });
  it('are told one by one that the endpoint does not exist, each with its own user', async () => {
    const story = scenario({ onWake: () => ({ wake: 'ENDPOINT_NOT_FOUND', afterMs: 5 }) });
    const results = await story.clock.run(Promise.all(['ann', 'bob'].map((user) => story.travel({ user }))));
    const texts = results.map((result) => (result.ok ? '' : result.error.message));
    expect(texts).toEqual(['ann', 'bob'].map((user) => `password authentication failed for user "${user}"`));
    expect(count(story, 'wake')).toBe(1);
  });
  it('who come while the address is not ready yet need no wake of their own', async () => {
    let dials = 0;
    const story = scenario({
      onWake: () => ({ wake: 'ok', generation: 1 }),
      onDial: () => (++dials === 1 ? { dial: 'ok', afterMs: 500 } : { dial: 'ok' }),
    });
    const first = story.travel();
    await story.clock.advance(100);
    const rest = crowd(story, 10).journeys;
    expect(await endsOf(story, [first, ...rest])).toEqual(Array(11).fill(1));
    expect(count(story, 'wake')).toBe(1);
  });
});

describe('the queue of dials', () => {
  it('lets so many dial at once, in the order they came', async () => {
    const order: number[] = [];
    const story = scenario({
      cached: 3,
      policy: { dialsInFlightPerEndpoint: 4 },
      onDial: () => ({ dial: 'ok', afterMs: 10 }),
    });
    const { journeys } = crowd(story, 20);
    journeys.forEach((journey, index) => void journey.then(() => order.push(index)));
    await endsOf(story, journeys);
    expect(story.world.mostDialsInFlight).toBe(4);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });
  it('gives the place of one who left to the next', async () => {
    const story = scenario({
      cached: 3,
      policy: { dialsInFlightPerEndpoint: 1 },
      onDial: () => ({ dial: 'ok', afterMs: 100 }),
    });
    const { leave, journeys } = crowd(story, 3);
    await story.clock.advance(50);
    leave[0]?.();
    leave[1]?.();
    expect(await endsOf(story, journeys)).toEqual(['CLIENT_GONE', 'CLIENT_GONE', 3]);
    expect(count(story, 'dial cached 3')).toBe(2);
  });
  it('turns away who finds it full, without a word against the address', async () => {
    const story = scenario({
      cached: 3,
      policy: { dialsInFlightPerEndpoint: 1, dialQueuePerEndpoint: 1 },
      onDial: () => ({ dial: 'ok', afterMs: 100 }),
    });
    expect(await endsOf(story, crowd(story, 3).journeys)).toEqual([3, 3, 'DIAL_QUEUE_FULL']);
    expect(story.told()).not.toContain('evict 3');
    expect(story.world.cachedGeneration()).toBe(3);
  });
  it('brings everybody in when a fresh compute is full for a while', async () => {
    let busy = 0;
    const story = scenario({
      onWake: () => ({ wake: 'ok', generation: 1 }),
      onDial: () => {
        const full: DialEvent = { dial: 'COMPUTE_FULL', afterMs: 1 };
        if (busy >= 5) return full;
        busy += 1;
        return { dial: 'ok', afterMs: 20 };
      },
    });
    const { journeys } = crowd(story, 12);
    // Every client leaves after a while, as pooled clients do.
    const never = new AbortController().signal;
    const leave = async (journey: Travel): Promise<void> => {
      await journey;
      await story.clock.sleep(millis(30), never);
      busy -= 1;
    };
    await story.clock.run(Promise.all(journeys.map(leave)));
    expect(await endsOf(story, journeys)).toEqual(Array(12).fill(1));
    expect(count(story, 'wake')).toBe(1);
  });
});

describe('when the one who leads leaves', () => {
  it('the wake goes on for the others', async () => {
    const story = scenario({
      onWake: () => ({ wake: 'ok', generation: 1, afterMs: 100 }),
      onDial: () => ({ dial: 'ok' }),
    });
    const { leave, journeys } = crowd(story, 3);
    await story.clock.advance(50);
    leave[0]?.();
    expect(await endsOf(story, journeys)).toEqual(['CLIENT_GONE', 1, 1]);
    expect(count(story, 'wake')).toBe(1);
  });
  it('while its dial hangs, the next one dials', async () => {
    let dials = 0;
    const story = scenario({
      onWake: () => ({ wake: 'ok', generation: 1 }),
      onDial: () => (++dials === 1 ? { dial: 'hangs' } : { dial: 'ok' }),
    });
    const { leave, journeys } = crowd(story, 3);
    await story.clock.advance(1_000);
    expect(dials).toBe(1);
    leave[0]?.();
    const results = await story.clock.run(Promise.all(journeys));
    expect(results.map((result) => result.ok)).toEqual([false, true, true]);
    expect(results[1]?.report).toMatchObject({ queueMs: 1_000, totalMs: 1_000 });
  });
  it('while it wakes what its cached address did not give, the wake goes on and nobody dials the dead address again', async () => {
    const story = scenario({
      cached: 3,
      onWake: () => ({ wake: 'ok', generation: 4, afterMs: 500 }),
      onDial: (node) => (node.origin === 'cached' ? { dial: 'COMPUTE_REFUSED' } : { dial: 'ok' }),
    });
    const { leave, journeys } = crowd(story, 3);
    await story.clock.advance(100);
    leave[0]?.();
    expect(await endsOf(story, journeys)).toEqual(['CLIENT_GONE', 4, 4]);
    expect(count(story, 'wake(3)')).toBe(1);
    expect(count(story, 'dial cached 3')).toBe(1);
  });
  it('while it pauses, the next one dials at once', async () => {
    let dials = 0;
    const story = scenario({
      onWake: () => ({ wake: 'ok', generation: 1 }),
      onDial: () => (++dials === 1 ? { dial: 'COMPUTE_STARTING', options: { retryAfterMs: 10_000 } } : { dial: 'ok' }),
    });
    const { leave, journeys } = crowd(story, 2);
    await story.clock.advance(300);
    expect(dials).toBe(1);
    leave[0]?.();
    const results = await story.clock.run(Promise.all(journeys));
    expect(results[1]).toMatchObject({ ok: true, report: { totalMs: 300 } });
  });
  it('because its login is refused, the others log in for themselves: logins are never shared', async () => {
    let dials = 0;
    const story = scenario({
      onWake: () => ({ wake: 'ok', generation: 1 }),
      onDial: () => (++dials === 1 ? { dial: 'COMPUTE_REJECTED_LOGIN', afterMs: 5 } : { dial: 'ok', afterMs: 5 }),
    });
    const ends = await endsOf(story, crowd(story, 5).journeys);
    expect(ends).toEqual(['COMPUTE_REJECTED_LOGIN', 1, 1, 1, 1]);
  });
  it('and everybody else too, the wake is given up', async () => {
    const story = scenario({ onWake: () => ({ wake: 'hangs' }), onDial: () => ({ dial: 'ok' }) });
    const { leave, journeys } = crowd(story, 3);
    await story.clock.advance(50);
    for (const one of leave) one();
    expect(await endsOf(story, journeys)).toEqual(Array(3).fill('CLIENT_GONE'));
  });
  it('and it was the only one who waited for the wake, the next gets a wake of its own though the endpoint is in use', async () => {
    let calls = 0;
    const story = scenario({
      cached: 3,
      onWake: () => (++calls === 1 ? { wake: 'hangs' } : { wake: 'ok', generation: 3 }),
      onDial: (node) => (node.origin === 'cached' ? { dial: 'ok', afterMs: 1_000 } : { dial: 'ok' }),
    });
    const busy = story.travel();
    await story.clock.advance(10);
    await story.world.cache.evict(new SuspectNode(endpoint, 3 as Generation, 3));
    const { leave, journeys } = crowd(story, 1);
    await story.clock.advance(10);
    leave[0]?.();
    await settle();
    expect(await endsOf(story, [busy, ...journeys, story.travel()])).toEqual([3, 'CLIENT_GONE', 3]);
    expect(calls).toBe(2);
  });
  it('and everybody else too, the next client gets a wake of its own', async () => {
    let calls = 0;
    const story = scenario({
      onWake: () => (++calls === 1 ? { wake: 'hangs' } : { wake: 'ok', generation: 1 }),
      onDial: () => ({ dial: 'ok' }),
    });
    const { leave, journeys } = crowd(story, 1);
    await story.clock.advance(50);
    leave[0]?.();
    await settle();
    expect(await endsOf(story, [...journeys, story.travel()])).toEqual(['CLIENT_GONE', 1]);
  });
});

describe('generations', () => {
  it('a slow loser does not evict the entry of a winner', async () => {
    // Both read generation 3. The loser's dial hangs while the compute is started anew and reached by the winner.
    let dials = 0;
    const story = scenario({
      cached: 3,
      onWake: () => ({ wake: 'ok', generation: 4 }),
      onDial: () => {
        dials += 1;
        if (dials === 1) return { dial: 'COMPUTE_SAID_NO', afterMs: 1 };
        return dials === 2 ? { dial: 'COMPUTE_REFUSED', afterMs: 1_000 } : { dial: 'ok' };
      },
    });
    // The first is told no, which opens the gate for the loser, and is replaced and becomes the winner.
    const [winner, loser] = crowd(story, 2).journeys as [Travel, Travel];
    await story.clock.run(winner);
    expect(story.world.cachedGeneration()).toBe(4);
    const result = await story.clock.run(loser);
    expect(result).toMatchObject({ ok: true, connection: { generation: 4 } });
    expect(story.told().filter((told) => told.startsWith('evict'))).toEqual(['evict 3', 'evict 3']);
    expect(story.world.cachedGeneration()).toBe(4);
  });
  it('who waits for a generation that is given up goes on with the new one, without a wake of its own', async () => {
    const story = scenario({
      policy: { askAgainAfterSuspectDials: 1 },
      onWake: (suspect) => ({ wake: 'ok', generation: suspect === undefined ? 1 : 2, afterMs: 5 }),
      onDial: (node) => (node.info.generation === 1 ? { dial: 'COMPUTE_REFUSED', afterMs: 1 } : { dial: 'ok' }),
    });
    expect(await endsOf(story, crowd(story, 20).journeys)).toEqual(Array(20).fill(2));
    expect(story.told().filter((told) => told.startsWith('wake'))).toEqual(['wake', 'wake(1)']);
    expect(count(story, 'dial fresh 1')).toBe(1);
  });
  it('a cached address below the generation that others know is not dialled', async () => {
    let dials = 0;
    const story = scenario({
      onWake: () => ({ wake: 'ok', generation: 5 }),
      onDial: () => (++dials === 1 ? { dial: 'ok', afterMs: 200 } : { dial: 'ok' }),
    });
    const first = story.travel();
    await story.clock.advance(50);
    await story.world.cache.put(nodeInfo(endpoint, 4));
    expect(await endsOf(story, [first, story.travel()])).toEqual([5, 5]);
    expect(story.told()).not.toContain('dial cached 4');
  });
  it('an answer given before the suspicion came up does not clear it', async () => {
    // The first client misses and waits for a wake; the second distrusts generation 3 meanwhile; the wake names 3.
    let calls = 0;
    const story = scenario({
      onWake: () => (++calls === 1 ? { wake: 'ok', generation: 3, afterMs: 500 } : { wake: 'ok', generation: 4 }),
      onDial: (node) => (node.info.generation === 3 ? { dial: 'COMPUTE_REFUSED' } : { dial: 'ok' }),
    });
    const first = story.travel();
    await story.clock.advance(50);
    await story.world.cache.put(nodeInfo(endpoint, 3));
    expect(await endsOf(story, [first, story.travel()])).toEqual([4, 4]);
    expect(story.told().filter((told) => told.startsWith('wake'))).toEqual(['wake', 'wake(3)']);
    // By the first alone; the second was not content with the generation it distrusts.
    expect(count(story, 'dial fresh 3')).toBe(1);
  });
  it('an answer is not used any more once its compute was reached: the node cache has it, or has lost it for a reason', async () => {
    let dials = 0;
    const story = scenario({
      onWake: (suspect) => ({ wake: 'ok', generation: suspect ?? 1 }),
      onDial: () => (++dials === 2 ? { dial: 'ok', afterMs: 1_000 } : { dial: 'ok', afterMs: 5 }),
    });
    const pair = crowd(story, 2).journeys;
    await story.clock.advance(100);
    await story.world.cache.evict(new SuspectNode(endpoint, 1 as Generation, 1));
    const late = story.travel();
    await endsOf(story, [...pair, late]);
    expect(count(story, 'wake')).toBe(2);
  });
});

describe('the retry budget', () => {
  it('stops a storm of retries, with what Postgres said', async () => {
    const story = scenario({
      policy: { retryBudget: { perJourney: 0.2, perSecond: 0, most: 30 } },
      onWake: () => ({ wake: 'ok', generation: 1 }),
      onDial: () => ({ dial: 'COMPUTE_FULL', afterMs: 1 }),
    });
    const ends = await endsOf(story, crowd(story, 50).journeys);
    expect(ends).toEqual(Array(50).fill('COMPUTE_FULL'));
    expect(count(story, 'dial fresh 1')).toBeLessThanOrEqual(50 + 30 + 10);
  });
});
