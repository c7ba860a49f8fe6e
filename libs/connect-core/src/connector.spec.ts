import { describe, expect, it } from '@jest/globals';
import type { EndpointId, SessionId } from '@pgwake/ids';
import type { JourneyEvent } from './journey.js';
import { defaultPolicy } from './policy.js';
import { type Scenario, type ScenarioOptions, type ScriptEvent, createScenario, endpoint } from './testing/scenario.js';
import { nodeInfo } from './testing/script-world.js';

// Neon's scripted scenarios for connecting to a compute, retold in our words, and then those it does not test.

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const scenario = (options: Omit<ScenarioOptions, 'settle'>): Scenario => createScenario({ settle, ...options });

/** Plays the script to its end: the generation that was reached, or the code of the error. Leaves no event and no timer. */
async function play(
  options: Omit<ScenarioOptions, 'settle'>,
): Promise<{ end: number | string; told: readonly string[] }> {
  const story = scenario(options);
  const result = await story.finish();
  expect(story.unused()).toBe(0);
  expect(story.clock.pending).toBe(0);
  return { end: result.ok ? result.connection.generation : result.error.code, told: story.told() };
}

const refused: ScriptEvent = { dial: 'COMPUTE_REFUSED' };
const starting: ScriptEvent = { dial: 'COMPUTE_STARTING' };
const saidNo: ScriptEvent = { dial: 'COMPUTE_SAID_NO' };
const connects: ScriptEvent = { dial: 'ok' };
const wakes = (generation?: number): ScriptEvent =>
  generation === undefined ? { wake: 'ok' } : { wake: 'ok', generation };

describe('locating', () => {
  it('without a cached address it wakes, dials what the wake named, and stores it', async () => {
    expect(await play({ script: [wakes(1), connects] })).toEqual({ end: 1, told: ['wake', 'dial fresh 1', 'put 1'] });
  });
  it('with a cached address it dials without waking anything', async () => {
    expect(await play({ cached: 3, script: [connects] })).toEqual({ end: 3, told: ['dial cached 3', 'put 3'] });
  });
});

describe('a cached address that turns out suspect', () => {
  it('is evicted; the compute is woken and dialled', async () => {
    const { end, told } = await play({ cached: 3, script: [refused, wakes(4), connects] });
    expect(end).toBe(4);
    expect(told).toEqual(['dial cached 3', 'evict 3', 'wake(3)', 'dial fresh 4', 'put 4']);
  });
  it('ends with the error when the fresh compute says no', async () => {
    const { end, told } = await play({ cached: 3, script: [refused, wakes(4), saidNo] });
    expect(end).toBe('COMPUTE_SAID_NO');
    expect(told).toEqual(['dial cached 3', 'evict 3', 'wake(3)', 'dial fresh 4']);
  });
  it.each(['COMPUTE_SAID_NO', 'COMPUTE_REJECTED_LOGIN', 'COMPUTE_IDENTITY_MISMATCH', 'COMPUTE_PROTOCOL'] as const)(
    'is replaced once even after %s, which says stop: somebody else may live there now',
    async (code) => {
      const { end, told } = await play({ cached: 3, script: [{ dial: code }, wakes(4), connects] });
      expect(end).toBe(4);
      expect(told).toEqual(['dial cached 3', 'evict 3', 'wake(3)', 'dial fresh 4', 'put 4']);
    },
  );
  it('is replaced only once: the same answer from the fresh compute is the truth', async () => {
    const { end } = await play({ cached: 3, script: [saidNo, wakes(3), saidNo] });
    expect(end).toBe('COMPUTE_SAID_NO');
  });
  it('is evicted too when it first says "starting up" and is refused only in the redial loop', async () => {
    const { end, told } = await play({ cached: 3, script: [starting, starting, refused, wakes(4), connects] });
    expect(end).toBe(4);
    expect(told.slice(2)).toEqual(['dial cached 3', 'evict 3', 'wake(3)', 'dial fresh 4', 'put 4']);
  });
  it('is forgotten for good when wake-service names a lower generation: wake-service has the last word', async () => {
    const { end, told } = await play({ cached: 9, script: [refused, wakes(4), connects] });
    expect(end).toBe(4);
    expect(told).toEqual(['dial cached 9', 'evict 9', 'wake(9)', 'dial fresh 4', 'put 4']);
  });
  it('gives up after the bounded number of redials of the fresh compute', async () => {
    const policy = { redial: { ...defaultPolicy.redial, maxRetries: 5 }, askAgainAfterSuspectDials: 100 };
    const script = [refused, wakes(4), ...Array<ScriptEvent>(6).fill(refused)];
    const { end, told } = await play({ cached: 3, policy, script });
    expect(end).toBe('CONNECT_DEADLINE');
    expect(told.filter((call) => call === 'dial fresh 4')).toHaveLength(6);
  });
});

describe('what is stored', () => {
  it('is what wake-service said, word for word: the cache tells by it what was evicted later', async () => {
    const story = scenario({
      cached: 3,
      script: [
        { dial: 'COMPUTE_REFUSED', afterMs: 7 },
        { wake: 'ok', generation: 4, afterMs: 40 },
        { dial: 'ok', afterMs: 5 },
      ],
    });
    const startedAtMs = story.clock.now();
    await story.finish();
    expect(story.world.calls.at(-1)).toEqual({
      call: 'put',
      atMs: startedAtMs + 52,
      generation: 4,
      node: nodeInfo(endpoint, 4),
    });
  });
});

describe('a trusted address', () => {
  it('is dialled again when it is starting, neither evicted nor woken', async () => {
    const { end, told } = await play({ cached: 3, script: [starting, connects] });
    expect(end).toBe(3);
    expect(told).toEqual(['dial cached 3', 'dial cached 3', 'put 3']);
  });
  it('keeps its cache entry when the proven compute itself says no', async () => {
    const story = scenario({ cached: 3, script: [{ dial: 'COMPUTE_SAID_NO', proven: true }] });
    const result = await story.finish();
    expect(result.ok ? 'ok' : result.error.code).toBe('COMPUTE_SAID_NO');
    expect(story.told()).toEqual(['dial cached 3']);
    expect(story.world.cachedGeneration()).toBe(3);
  });
  it.each(['DIAL_QUEUE_FULL', 'TOO_MANY_CONNECTIONS', 'RATE_LIMITED'] as const)(
    'is not evicted for %s: failing to try says nothing about the address',
    async (code) => {
      const script: ScriptEvent[] = code === 'DIAL_QUEUE_FULL' ? [{ dial: code }, connects] : [{ dial: code }];
      const { told } = await play({ cached: 3, script });
      expect(told).not.toContain('evict 3');
      expect(told).not.toContain('wake(3)');
    },
  );
});

describe('a fresh address', () => {
  it('is dialled again when it refuses: no second wake, and nothing to evict', async () => {
    const { end, told } = await play({ script: [wakes(1), refused, connects] });
    expect(end).toBe(1);
    expect(told).toEqual(['wake', 'dial fresh 1', 'dial fresh 1', 'put 1']);
  });
  it.each(['COMPUTE_SAID_NO', 'COMPUTE_REJECTED_LOGIN', 'COMPUTE_IDENTITY_MISMATCH'] as const)(
    'is the truth: %s goes to the client',
    async (code) => {
      const { end, told } = await play({ script: [wakes(1), { dial: code }] });
      expect(end).toBe(code);
      expect(told).toEqual(['wake', 'dial fresh 1']);
    },
  );
  it('that is full is dialled again while other logins finish', async () => {
    const { end, told } = await play({
      script: [wakes(1), { dial: 'COMPUTE_FULL' }, { dial: 'COMPUTE_FULL' }, connects],
    });
    expect(end).toBe(1);
    expect(told).toEqual(['wake', 'dial fresh 1', 'dial fresh 1', 'dial fresh 1', 'put 1']);
  });
  it('that keeps failing is asked about; the same generation is dialled on', async () => {
    const policy = { askAgainAfterSuspectDials: 2 };
    const { end, told } = await play({ policy, script: [wakes(1), refused, refused, wakes(1), connects] });
    expect(end).toBe(1);
    expect(told).toEqual(['wake', 'dial fresh 1', 'dial fresh 1', 'wake(1)', 'dial fresh 1', 'put 1']);
  });
  it('that keeps failing is asked about; a higher generation is switched to', async () => {
    const policy = { askAgainAfterSuspectDials: 2 };
    const { end, told } = await play({ policy, script: [wakes(1), refused, refused, wakes(2), connects] });
    expect(end).toBe(2);
    expect(told).toEqual(['wake', 'dial fresh 1', 'dial fresh 1', 'wake(1)', 'dial fresh 2', 'put 2']);
  });
  it('is asked about again and again while it stays dead', async () => {
    const policy = { askAgainAfterSuspectDials: 1 };
    const script = [wakes(1), refused, wakes(1), refused, wakes(1), refused, wakes(2), connects];
    expect((await play({ policy, script })).end).toBe(2);
  });
});

describe('a failed wake', () => {
  it.each(['BUSY', 'START_FAILED_TRANSIENT', 'unreachable'] as const)('is repeated after %s', async (wake) => {
    const { end, told } = await play({ script: [{ wake }, wakes(1), connects] });
    expect(end).toBe(1);
    expect(told).toEqual(['wake', 'wake', 'dial fresh 1', 'put 1']);
  });
  it.each([
    ['ENDPOINT_NOT_FOUND', 'ENDPOINT_NOT_FOUND'],
    ['ENDPOINT_DISABLED', 'ENDPOINT_DISABLED'],
    ['QUOTA_EXCEEDED', 'QUOTA_EXCEEDED'],
    ['RATE_LIMITED', 'RATE_LIMITED'],
    ['START_FAILED', 'WAKE_FAILED'],
    ['START_TIMED_OUT', 'WAKE_TIMEOUT'],
    ['UNKNOWN', 'WAKE_FAILED'],
  ] as const)('is final after %s', async (wake, code) => {
    expect(await play({ script: [{ wake }] })).toEqual({ end: code, told: ['wake'] });
  });
  it('is what it is when wake-service answers for another endpoint', async () => {
    const other = 'other' as EndpointId;
    expect(await play({ script: [{ wake: 'ok', generation: 1, endpoint: other }] })).toEqual({
      end: 'WAKE_FAILED',
      told: ['wake'],
    });
  });
  it('is final too after one that was repeated', async () => {
    expect((await play({ script: [{ wake: 'BUSY' }, { wake: 'START_FAILED' }] })).end).toBe('WAKE_FAILED');
  });
  it('lets nothing be dialled: a hopeless dial costs its whole time limit', async () => {
    const { told } = await play({
      cached: 3,
      script: [refused, { wake: 'unreachable' }, { wake: 'BUSY' }, wakes(4), connects],
    });
    expect(told).toEqual(['dial cached 3', 'evict 3', 'wake(3)', 'wake(3)', 'wake(3)', 'dial fresh 4', 'put 4']);
  });
  it('reads like a failed login of the very user when the endpoint does not exist', async () => {
    const story = scenario({ script: [{ wake: 'ENDPOINT_NOT_FOUND' }] });
    const result = await story.clock.run(story.travel({ user: 'ann' }));
    expect(result.ok ? '' : result.error.message).toBe('password authentication failed for user "ann"');
  });
  it('is repeated a bounded number of times', async () => {
    const policy = { wake: { ...defaultPolicy.wake, maxRetries: 3 } };
    const { end, told } = await play({
      policy,
      script: Array<ScriptEvent>(4).fill({ wake: 'START_FAILED_TRANSIENT' }),
    });
    expect(end).toBe('WAKE_FAILED_TRANSIENT');
    expect(told).toHaveLength(4);
  });
  it('does not lengthen the pauses of the dials, nor use up their number: each has a counter of its own', async () => {
    const policy = { redial: { ...defaultPolicy.redial, maxRetries: 2 }, askAgainAfterSuspectDials: 100 };
    const failedWakes = Array<ScriptEvent>(9).fill({ wake: 'START_FAILED_TRANSIENT' });
    const story = scenario({ policy, script: [...failedWakes, wakes(1), refused, refused, connects] });
    const result = await story.finish();
    expect(result.ok).toBe(true);
    expect(story.clock.sleeps.slice(9)).toEqual([25, 40]);
    expect(result.report).toMatchObject({ wakeAttempts: 10, dialAttempts: 3 });
  });
});

describe('pauses', () => {
  it('between calls to a wake-service that is not there grow to half a second only, and count by themselves', async () => {
    const outage = Array<ScriptEvent>(40).fill({ wake: 'unreachable' });
    const script: ScriptEvent[] = [...outage, { wake: 'START_FAILED_TRANSIENT' }, wakes(1), connects];
    const story = scenario({ script, random: () => 0.999_999 });
    expect((await story.finish()).ok).toBe(true);
    expect(story.clock.sleeps.slice(0, 6).map(Math.round)).toEqual([100, 160, 256, 410, 500, 500]);
    expect(story.clock.sleeps.slice(-2).map(Math.round)).toEqual([500, 100]);
  });
  it('between wakes grow from 100 ms by 1.6 to 2 s, with full jitter', async () => {
    const script = [...Array<ScriptEvent>(9).fill({ wake: 'START_FAILED_TRANSIENT' }), wakes(1), connects];
    const story = scenario({ script, random: () => 0.999_999 });
    await story.finish();
    expect(story.clock.sleeps.map(Math.round)).toEqual([100, 160, 256, 410, 655, 1049, 1678, 2000, 2000]);
  });
  it('between dials grow from 50 ms by 1.6 to 1 s, with full jitter', async () => {
    const script = [wakes(1), ...Array<ScriptEvent>(9).fill(starting), connects];
    const story = scenario({ script, random: () => 0.999_999 });
    await story.finish();
    expect(story.clock.sleeps.map(Math.round)).toEqual([50, 80, 128, 205, 328, 524, 839, 1000, 1000]);
  });
  it('are as long as wake-service asks for', async () => {
    const story = scenario({ script: [{ wake: 'BUSY', retryAfterMs: 1_234 }, wakes(1), connects] });
    await story.finish();
    expect(story.clock.sleeps).toEqual([1_234]);
  });
  it('that are asked for are clamped to the bounds', async () => {
    const story = scenario({
      script: [{ wake: 'BUSY', retryAfterMs: 1 }, { wake: 'BUSY', retryAfterMs: 3_600_000 }, wakes(1), connects],
    });
    await story.finish();
    expect(story.clock.sleeps).toEqual([50, 10_000]);
  });
  it('never run past the deadline', async () => {
    const policy = { deadlineMs: 5_000 };
    const story = scenario({
      policy,
      script: [wakes(1), { dial: 'COMPUTE_STARTING', options: { retryAfterMs: 9_000 } }],
    });
    const result = await story.finish();
    expect(result.ok ? 'ok' : result.error.code).toBe('CONNECT_DEADLINE');
    expect(result.report.totalMs).toBe(5_000);
    expect(story.clock.sleeps).toEqual([5_000]);
  });
});

describe('patience', () => {
  it('is short with a cached address, which may be that of a pod that is gone', async () => {
    const story = scenario({ cached: 3, script: [{ dial: 'hangs' }, wakes(4), connects] });
    const result = await story.finish();
    expect(result.ok).toBe(true);
    expect(result.report.dialMs).toBe(1_500);
  });
  it('is longer with a fresh one, which may be starting', async () => {
    const story = scenario({ script: [wakes(1), { dial: 'hangs' }, connects] });
    const result = await story.finish();
    expect(result.ok).toBe(true);
    expect(result.report.dialMs).toBe(5_000);
  });
});

describe('the deadline', () => {
  it('ends a wake that never answers', async () => {
    const story = scenario({ script: [{ wake: 'hangs' }] });
    const result = await story.finish();
    expect(result.ok ? 'ok' : result.error.code).toBe('WAKE_TIMEOUT');
    expect(result.report.totalMs).toBe(30_000);
    expect(story.clock.pending).toBe(0);
  });
  it('spans wakes, dials and pauses together', async () => {
    const story = scenario({
      policy: { askAgainAfterSuspectDials: 100 },
      onWake: () => ({ wake: 'ok', generation: 1, afterMs: 9_000 }),
      onDial: () => ({ dial: 'hangs' }),
    });
    const result = await story.finish();
    expect(result.ok ? 'ok' : result.error.code).toBe('CONNECT_DEADLINE');
    expect(result.report.totalMs).toBe(30_000);
  });
  it('passes on what Postgres said when it was full to the end', async () => {
    const story = scenario({ onWake: () => ({ wake: 'ok' }), onDial: () => ({ dial: 'COMPUTE_FULL' }) });
    const result = await story.finish();
    expect(result.ok ? 'ok' : result.error.code).toBe('COMPUTE_FULL');
  });
  it('names the control service when that was away to the end', async () => {
    const story = scenario({ onWake: () => ({ wake: 'unreachable' }) });
    const result = await story.finish();
    expect(result.ok ? 'ok' : result.error.code).toBe('WAKE_SERVICE_UNAVAILABLE');
  });
});

describe('a client that leaves', () => {
  it('ends its wait for a wake at once, and the wake, as nobody else wants it', async () => {
    const story = scenario({ script: [{ wake: 'hangs' }] });
    const client = new AbortController();
    const travel = story.travel({ signal: client.signal });
    await story.clock.advance(100);
    client.abort();
    const result = await story.clock.run(travel);
    expect(result.ok ? 'ok' : result.error.code).toBe('CLIENT_GONE');
    expect(result.report.totalMs).toBe(100);
    expect(story.clock.pending).toBe(0);
  });
  it('has left before anything was done', async () => {
    const story = scenario({ cached: 3, script: [] });
    const client = new AbortController();
    client.abort();
    const result = await story.clock.run(story.travel({ signal: client.signal }));
    expect(result.ok ? 'ok' : result.error.code).toBe('CLIENT_GONE');
    expect(story.told()).toEqual([]);
  });
  it('has the connection discarded that was made meanwhile, even by a mechanism that does not listen', async () => {
    const story = scenario({ cached: 3, script: [] });
    const client = new AbortController();
    let connect: (() => void) | undefined;
    const discarded: string[] = [];
    const travel = story.connector.connectToCompute<string>({
      endpoint,
      sessionId: 'session-1' as SessionId,
      user: 'app',
      signal: client.signal,
      mechanism: {
        dialOnce: () => new Promise((resolve) => (connect = () => resolve({ ok: true, connection: 'late' }))),
        discard: (connection) => void discarded.push(connection),
      },
    });
    await story.clock.advance(10);
    client.abort();
    const result = await story.clock.run(travel);
    expect(result.ok ? 'ok' : result.error.code).toBe('CLIENT_GONE');
    connect?.();
    await settle();
    expect(discarded).toEqual(['late']);
  });
  it('is not given a connection that was ready in the same moment', async () => {
    const client = new AbortController();
    const story = scenario({
      cached: 3,
      onDial: () => {
        client.abort();
        return { dial: 'ok' };
      },
    });
    const result = await story.clock.run(story.travel({ signal: client.signal }));
    expect(result.ok ? 'ok' : result.error.code).toBe('CLIENT_GONE');
    expect(story.told()).not.toContain('put 3');
  });
});

describe('a login that a cached address rejects', () => {
  it('leads to one fresh wake per few seconds, however often it is tried', async () => {
    let wakeCalls = 0;
    const story = scenario({
      cached: 3,
      onWake: () => {
        wakeCalls += 1;
        return { wake: 'ok', generation: 3 };
      },
      onDial: () => ({ dial: 'COMPUTE_REJECTED_LOGIN' }),
    });
    await story.finish();
    expect(wakeCalls).toBe(1);
    for (let guess = 0; guess < 50; guess++) {
      // Somebody with the right password has the address cached again.
      await story.world.cache.put(nodeInfo(endpoint, 3));
      await story.finish();
      await story.clock.advance(50);
    }
    expect(wakeCalls).toBe(1);
    await story.clock.advance(5_000);
    await story.world.cache.put(nodeInfo(endpoint, 3));
    await story.finish();
    expect(wakeCalls).toBe(2);
  });
  it('is not the reason for a limit on refused connections: those are asked about each time', async () => {
    const script: ScriptEvent[] = [refused, wakes(3), connects, refused, wakes(3), connects];
    const story = scenario({ cached: 3, script });
    await story.finish();
    await story.finish();
    expect(story.unused()).toBe(0);
  });
});

describe('what a journey reports', () => {
  it('are counters, phases and steps with their times', async () => {
    const story = scenario({
      cached: 3,
      script: [
        { dial: 'COMPUTE_REFUSED', afterMs: 7 },
        { wake: 'BUSY', retryAfterMs: 200, afterMs: 3 },
        { wake: 'ok', generation: 4, afterMs: 40 },
        { dial: 'COMPUTE_STARTING', afterMs: 2 },
        { dial: 'ok', afterMs: 5 },
      ],
    });
    const events: JourneyEvent[] = [];
    const result = await story.clock.run(story.travel({ observer: (event) => events.push(event) }));
    const { steps, ...numbers } = result.report;
    expect(numbers).toEqual({
      dialAttempts: 3,
      wakeAttempts: 2,
      wakeWaitMs: 243,
      dialMs: 14,
      sleepMs: 25,
      queueMs: 0,
      totalMs: 282,
      startKind: 'started',
    });
    expect(steps).toEqual(events);
    expect(steps.map(({ kind, atMs }) => `${kind} ${atMs}`)).toEqual([
      'cacheHit 0',
      'dialFailed 7',
      'evicted 7',
      'waking 7',
      'wakeFailed 10',
      'waking 210',
      'woken 250',
      'dialFailed 252',
      'dialled 282',
    ]);
    expect(steps[1]).toMatchObject({ verdict: 'replace', origin: 'cached', generation: 3 });
    expect(steps[7]).toMatchObject({ verdict: 'dialAgain', origin: 'fresh', generation: 4 });
  });
});

describe('a port that breaks its promise', () => {
  it('is a programming error: a mechanism that throws rejects the journey and leaves nothing behind', async () => {
    const story = scenario({
      cached: 3,
      onDial: () => {
        throw new TypeError('bug');
      },
    });
    await expect(story.finish()).rejects.toThrow('bug');
    expect(story.clock.pending).toBe(0);
  });
  it('is a programming error even when it throws before it returns a promise', async () => {
    const story = scenario({ cached: 3 });
    const dialOnce = (): never => {
      throw new TypeError('bug');
    };
    const travel = story.connector.connectToCompute({
      endpoint,
      sessionId: 'session-1' as SessionId,
      user: 'app',
      signal: new AbortController().signal,
      mechanism: { dialOnce, discard: () => undefined },
    });
    await expect(story.clock.run(travel)).rejects.toThrow('bug');
    expect(story.clock.pending).toBe(0);
  });
  it('is never retried: a wake that throws something unknown ends the journey with INTERNAL', async () => {
    const story = scenario({
      onWake: () => {
        throw new TypeError('bug');
      },
    });
    const result = await story.finish();
    expect(result.ok ? 'ok' : result.error.code).toBe('INTERNAL');
    expect(story.told()).toEqual(['wake']);
  });
});
