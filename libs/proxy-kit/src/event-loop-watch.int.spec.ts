// The loop of this very process, really blocked.

import { afterEach, expect, it } from '@jest/globals';
import { waitFor } from '@pgwake/testkit';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type EventLoopWatch, watchEventLoop } from './event-loop-watch.js';

const windowMs = 300;
const maxDelayMs = 400;
const blockMs = 600;
const limitMs = 20_000;

let watch: EventLoopWatch | undefined;
afterEach(() => watch?.close());

interface Window {
  readonly delayMs: number;
  readonly isLate: boolean;
  readonly changed: boolean;
}

function startWatch(max: number): Window[] {
  const windows: Window[] = [];
  watch = watchEventLoop({
    maxDelayMs: max,
    windowMs,
    onWindow: (delayMs, isLate, changed) => windows.push({ delayMs, isLate, changed }),
  });
  return windows;
}

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Blocks the loop, with a turn of it in between, until there were so many windows. */
async function blockFor(windows: readonly Window[], count: number): Promise<void> {
  for (let blocks = 0; windows.length < count && blocks < count * 4; blocks += 1) {
    block(blockMs);
    await nextTurn();
  }
}

it('says that a loop that is blocked again and again is late, and when it has caught up', async () => {
  const windows = startWatch(maxDelayMs);
  await blockFor(windows, 3);
  const late = windows.filter(({ delayMs }) => delayMs > maxDelayMs);
  expect(late.length).toBeGreaterThanOrEqual(2);
  expect(watch?.isLate).toBe(true);
  expect(windows.filter(({ changed }) => changed)).toMatchObject([{ isLate: true }]);

  await waitFor(() => watch?.isLate === false, limitMs);
  expect(windows.filter(({ changed }) => changed)).toMatchObject([{ isLate: true }, { isLate: false }]);
  expect(windows.at(-1)?.delayMs).toBeLessThanOrEqual(maxDelayMs / 2);
});

it('does not mind one pause', async () => {
  const windows = startWatch(maxDelayMs);
  block(4 * blockMs);
  await waitFor(() => windows.length >= 3, limitMs);
  expect(Math.max(...windows.map(({ delayMs }) => delayMs))).toBeGreaterThan(3 * blockMs);
  expect(windows.filter(({ isLate }) => isLate)).toEqual([]);
});

it('measures, and calls nothing late, without a limit', async () => {
  const windows = startWatch(0);
  await blockFor(windows, 3);
  expect(Math.max(...windows.map(({ delayMs }) => delayMs))).toBeGreaterThan(maxDelayMs);
  expect(windows.filter(({ isLate }) => isLate)).toEqual([]);
});

it('measures nothing after its end', async () => {
  const windows = startWatch(maxDelayMs);
  await waitFor(() => windows.length > 0, limitMs);
  watch?.close();
  const seen = windows.length;
  block(2 * windowMs);
  await nextTurn();
  expect(windows).toHaveLength(seen);
});
