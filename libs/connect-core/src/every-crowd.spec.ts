import { describe, expect, it } from '@jest/globals';
import { enumerateChoices } from './testing/enumerate.js';
import { createScenario } from './testing/scenario.js';
import type { DialEvent, WakeEvent } from './testing/script-world.js';

// Three clients of one endpoint, the second with a moment's delay and the third leaving early: whatever happens and whenever,
// nobody waits for ever, and the rules that hold for all of them together hold.

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const dialEvents: readonly DialEvent[] = [
  { dial: 'ok', afterMs: 5 },
  { dial: 'ok', afterMs: 40 },
  { dial: 'COMPUTE_REFUSED', afterMs: 1 },
  { dial: 'COMPUTE_REFUSED', afterMs: 60 },
  { dial: 'COMPUTE_STARTING', afterMs: 5 },
  { dial: 'COMPUTE_SAID_NO', afterMs: 5 },
  { dial: 'COMPUTE_IDENTITY_MISMATCH', afterMs: 30 },
];
const wakeEvents = (suspect: number | undefined): readonly WakeEvent[] => [
  { wake: 'ok', generation: suspect ?? 3, afterMs: 2 },
  { wake: 'ok', generation: (suspect ?? 3) + 1, afterMs: 50 },
  { wake: 'BUSY', retryAfterMs: 60, afterMs: 1 },
];

describe('every crowd of three', () => {
  it('comes to an end: one wake at a time, dials within bounds, no timer left, nobody but the one who left is gone', async () => {
    const depth = 4;
    const crowds = await enumerateChoices(async (chooser) => {
      const cached = chooser.pick([undefined, 3]);
      const leavesAfterMs = chooser.pick([0, 20, 100]);
      const met: unknown[] = [];
      let wakesInFlight = 0;
      const problems: string[] = [];
      const choose = <T>(options: readonly T[]): T => {
        const event = met.length < depth ? chooser.pick(options) : (options[0] as T);
        met.push(event);
        return event;
      };
      const story = createScenario({
        settle,
        policy: { dialsInFlightPerEndpoint: 2, askAgainAfterSuspectDials: 2 },
        ...(cached === undefined ? {} : { cached }),
        onWake: (suspect) => choose(wakeEvents(suspect)),
        onDial: () => choose(dialEvents),
        aroundWake: async (call) => {
          wakesInFlight += 1;
          if (wakesInFlight > 1) problems.push('two wakes at once');
          try {
            return await call();
          } finally {
            wakesInFlight -= 1;
          }
        },
      });
      const leaver = new AbortController();
      const journeys = [story.travel()];
      await story.clock.advance(1);
      journeys.push(story.travel(), story.travel({ signal: leaver.signal }));
      await story.clock.advance(leavesAfterMs);
      leaver.abort();
      const results = await story.clock.run(Promise.all(journeys));
      const ends = results.map((result) => (result.ok ? 'ok' : result.error.code));
      const allowed = ['ok', 'COMPUTE_SAID_NO', 'COMPUTE_IDENTITY_MISMATCH'];
      if (!ends.slice(0, 2).every((end) => allowed.includes(end))) problems.push('an end nobody asked for');
      if (story.world.mostDialsInFlight > 2) problems.push('too many dials in flight');
      if (story.clock.pending > 0) problems.push('timers left behind');
      if (story.world.dialsInFlight > 0) problems.push('dials left behind');
      if (problems.length > 0) throw new Error(JSON.stringify({ problems, cached, leavesAfterMs, met, ends }));
    });
    process.stdout.write(`every crowd of three: ${crowds} crowds\n`);
    expect(crowds).toBe(4_674);
  });
});
