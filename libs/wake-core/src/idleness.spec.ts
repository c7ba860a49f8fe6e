import { describe, expect, it } from '@jest/globals';
import { millis } from '@pgwake/ids';
import { type ActivitySample, idleTimeLeftMs, nothingSeen, observeActivity } from './index.js';

const quiet: ActivitySample = {
  sessions: 3,
  activeTimeMs: 10,
  busyBackends: 0,
  lastStateChangeAgoMs: undefined,
  holds: 0,
};
const window = millis(1_000);

describe('observeActivity', () => {
  it('lets the window run from the first look, since nothing is known about the time before', () => {
    const first = observeActivity(nothingSeen, quiet, 5_000);
    expect(idleTimeLeftMs(first, window, 5_000)).toBe(1_000);
    const second = observeActivity(first, quiet, 5_400);
    expect(idleTimeLeftMs(second, window, 5_400)).toBe(600);
    expect(idleTimeLeftMs(second, window, 6_100)).toBe(0);
  });

  it('is not kept awake by a client that holds a connection and does nothing', () => {
    const held = { ...quiet, lastStateChangeAgoMs: millis(400) };
    const first = observeActivity(nothingSeen, held, 5_000);
    const second = observeActivity(first, { ...held, lastStateChangeAgoMs: millis(1_400) }, 6_000);
    expect(idleTimeLeftMs(second, window, 6_000)).toBe(0);
  });

  it('sees a session that came and went between two looks', () => {
    const first = observeActivity(nothingSeen, quiet, 5_000);
    const second = observeActivity(first, { ...quiet, sessions: 4 }, 6_500);
    expect(idleTimeLeftMs(second, window, 6_500)).toBe(1_000);
    const third = observeActivity(second, { ...quiet, sessions: 4, activeTimeMs: 11 }, 7_400);
    expect(idleTimeLeftMs(third, window, 7_400)).toBe(1_000);
  });

  it('counts from the last change of state of a backend that is still there', () => {
    const first = observeActivity(nothingSeen, quiet, 5_000);
    const second = observeActivity(first, { ...quiet, lastStateChangeAgoMs: millis(200) }, 5_900);
    expect(idleTimeLeftMs(second, window, 5_900)).toBe(800);
  });

  it.each([
    ['a backend at work or in a transaction', { ...quiet, busyBackends: 1 }],
    ['something that holds it up', { ...quiet, holds: 1 }],
    ['a look that failed', undefined],
  ])('starts the window anew after %s', (_, sample) => {
    const first = observeActivity(nothingSeen, quiet, 5_000);
    const busy = observeActivity(first, sample, 5_900);
    expect(idleTimeLeftMs(busy, window, 5_900)).toBe(1_000);
    const after = observeActivity(busy, quiet, 6_900);
    expect(idleTimeLeftMs(after, window, 6_900)).toBe(1_000);
  });
});
