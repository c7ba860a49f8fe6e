import { describe, expect, it } from '@jest/globals';
import { type ErrorCode, GatewayError } from '@pgwake/gateway-errors';
import { toGatewayError } from '@pgwake/wake-api';
import { longestTotalMs } from './backoff.js';
import { type ConnectPolicy, completePolicy } from './policy.js';
import { type Chooser, enumerateChoices } from './testing/enumerate.js';
import { type DialMet, type Happening, brokenRules } from './testing/journey-rules.js';
import { createScenario } from './testing/scenario.js';
import type { Call, DialEvent, WakeEvent } from './testing/script-world.js';

// Every script of events up to a depth, not three picked by hand: Neon's inverted test lived for a year between those.

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const given = {
  askAgainAfterSuspectDials: 2,
  redial: { baseMs: 50, factor: 1.6, capMs: 1_000, maxRetries: 12 },
  wake: { baseMs: 100, factor: 1.6, capMs: 2_000, maxRetries: 8 },
  outage: { baseMs: 100, factor: 1.6, capMs: 500, maxRetries: 8 },
} satisfies Partial<ConnectPolicy>;
const policy = completePolicy(given);

/** One event per kind of answer that may be treated differently. */
const dialEvents: readonly DialEvent[] = [
  { dial: 'ok' },
  { dial: 'COMPUTE_REFUSED' },
  { dial: 'hangs' },
  { dial: 'COMPUTE_STARTING' },
  { dial: 'COMPUTE_FULL' },
  { dial: 'COMPUTE_SAID_NO' },
  { dial: 'COMPUTE_SAID_NO', proven: true },
  { dial: 'COMPUTE_IDENTITY_MISMATCH' },
  { dial: 'INTERNAL' },
];
const wakeEvents = (suspect: number | undefined): readonly WakeEvent[] => [
  { wake: 'ok', generation: suspect ?? 3 },
  { wake: 'ok', generation: (suspect ?? 3) + 1 },
  { wake: 'BUSY', retryAfterMs: 300 },
  { wake: 'unreachable' },
  { wake: 'UNKNOWN' },
];

/** How a journey may end that has used up its time or its retries, and only such a one. */
const outOfPatience = ['CONNECT_DEADLINE', 'WAKE_TIMEOUT', 'WAKE_SERVICE_UNAVAILABLE', 'COMPUTE_FULL', 'WAKE_BUSY'];

interface Script {
  readonly depth: number;
  /** After the depth. */
  readonly tail: 'allGoesWell' | 'theSameAgain';
  /** The client leaves at the so-many-th event. */
  readonly leavesAt?: number;
}

interface Outcome {
  readonly events: number;
  readonly calls: readonly Call[];
  readonly leftAtMs: number | undefined;
}

/** Runs one script and checks everything that holds for all of them. */
async function runOne(chooser: Chooser, script: Script): Promise<Outcome> {
  const cached = chooser.pick([undefined, 3]);
  const client = new AbortController();
  const met: (WakeEvent | DialEvent)[] = [];
  let leftAtMs: number | undefined;
  const choose = <T extends WakeEvent | DialEvent>(options: readonly T[], kind: 'wake' | 'dial'): T => {
    if (met.length + 1 === script.leavesAt) {
      leftAtMs = story.clock.now();
      client.abort();
    }
    const last = met.findLast((event): event is T => kind in event);
    const tail = script.tail === 'allGoesWell' || last === undefined ? (options[0] as T) : last;
    const event = met.length < script.depth ? chooser.pick(options) : tail;
    met.push(event);
    return event;
  };
  const story = createScenario({
    settle,
    policy: given,
    random: () => 0.999_999,
    ...(cached === undefined ? {} : { cached }),
    onWake: (suspect) => choose(wakeEvents(suspect), 'wake'),
    onDial: () => choose(dialEvents, 'dial'),
  });
  const startedAt = story.clock.now();
  const result = await story.clock.run(story.travel({ signal: client.signal }));
  const { calls } = story.world;
  const tookMs = story.clock.now() - startedAt;
  const count = (kind: Call['call']): number => calls.filter(({ call }) => call === kind).length;
  const end = result.ok ? result.node.generation : result.error.code;

  const isSpent =
    tookMs === policy.deadlineMs || count('dial') > policy.redial.maxRetries || count('wake') > policy.wake.maxRetries;
  const problems =
    leftAtMs === undefined
      ? brokenRules({
          cached,
          askAgainAfterSuspectDials: given.askAgainAfterSuspectDials,
          happenings: toHappenings(calls, met),
          end,
          endings: isSpent ? outOfPatience : [],
        })
      : [];
  if (tookMs > policy.deadlineMs) problems.push(`took ${tookMs} ms`);
  if (story.clock.pending > 0) problems.push(`left ${story.clock.pending} timers behind`);
  if (count('dial') > 2 + policy.redial.maxRetries) problems.push(`dialled ${count('dial')} times`);
  const sleptMs = story.clock.sleeps.reduce((sum, ms) => sum + ms, 0);
  const longestMs = longestTotalMs(policy.redial) + count('wake') * policy.wake.capMs;
  if (sleptMs > Math.min(longestMs, policy.deadlineMs)) problems.push(`slept ${sleptMs} ms`);
  if (leftAtMs !== undefined && end !== 'CLIENT_GONE') problems.push(`the client left, but the end is ${end}`);
  if (leftAtMs !== undefined && story.clock.now() !== leftAtMs) problems.push('went on after the client had left');
  if (result.report.totalMs !== tookMs) problems.push(`reports ${result.report.totalMs} ms of ${tookMs}`);
  if (problems.length > 0) throw new Error(`${problems.join('; ')}\n${JSON.stringify({ cached, met, calls, end })}`);
  return { events: met.length, calls, leftAtMs };
}

function toHappenings(calls: readonly Call[], met: readonly (WakeEvent | DialEvent)[]): Happening[] {
  const events = [...met];
  return calls.flatMap((call): Happening[] => {
    switch (call.call) {
      case 'evict':
      case 'put':
        return [{ did: call.call, generation: call.generation }];
      case 'wake':
        return [{ did: 'wake', suspect: call.suspectGeneration, ...wakeMet(events.shift() as WakeEvent) }];
      case 'dial': {
        const { origin, generation } = call;
        return [{ did: 'dial', origin, generation, met: dialMet(events.shift() as DialEvent) }];
      }
      case 'discard':
        throw new Error('a connection was discarded though nobody left');
    }
  });
}

function wakeMet(event: WakeEvent): { named: number } | { failed: GatewayError } {
  if (event.wake === 'ok') return { named: event.generation ?? 0 };
  if (event.wake === 'unreachable') return { failed: new GatewayError('WAKE_SERVICE_UNAVAILABLE') };
  if (event.wake === 'hangs') throw new Error('not among the events');
  return { failed: toGatewayError({ reason: event.wake, retryAfterMs: undefined, detail: '' }, 'app') };
}

function dialMet(event: DialEvent): DialMet {
  if (event.dial === 'ok') return 'connected';
  const code: ErrorCode = event.dial === 'hangs' ? 'COMPUTE_DIAL_TIMEOUT' : event.dial;
  return { error: new GatewayError(code), proven: 'proven' in event && event.proven === true };
}

describe('every script of events', () => {
  it('up to six events, after which all goes well, follows the rules', async () => {
    const seen = { evict: 0, wake: 0, dial: 0, put: 0 };
    const scripts = await enumerateChoices(async (chooser) => {
      const { calls } = await runOne(chooser, { depth: 6, tail: 'allGoesWell' });
      for (const { call } of calls) if (call !== 'discard') seen[call] += 1;
    });
    process.stdout.write(`every script up to depth 6: ${scripts} scripts, ${JSON.stringify(seen)}\n`);
    expect(scripts).toBe(24_530);
  });
  it('up to four events, after which the last one happens for ever, ends in time', async () => {
    const scripts = await enumerateChoices(async (chooser) => {
      await runOne(chooser, { depth: 4, tail: 'theSameAgain' });
    });
    process.stdout.write(`every script up to depth 4, then the same for ever: ${scripts} scripts\n`);
    expect(scripts).toBe(1_482);
  });
  it('up to three events, with the client leaving at any of them, ends at once', async () => {
    let scripts = 0;
    let left = 0;
    for (const leavesAt of [1, 2, 3, 4]) {
      scripts += await enumerateChoices(async (chooser) => {
        const { leftAtMs } = await runOne(chooser, { depth: 3, tail: 'allGoesWell', leavesAt });
        if (leftAtMs !== undefined) left += 1;
      });
    }
    process.stdout.write(`clients that leave: ${scripts} scripts, ${left} left\n`);
    expect({ scripts, left }).toEqual({ scripts: 732, left: 548 });
  });
});
