// One row of the fault matrix: what is done to a gateway, and everything that is to come of it.

import type { WakeCall } from '@pgwake/testkit';
import type { JourneyLine } from './gateway.js';
import type { Attempt, World } from './world.js';

/** At least, at most. */
export type Range = readonly [least: number, most: number];

export interface Fault {
  readonly fault: string;
  /** Where the gateway has the address from. `aged`: cached so long that wake-service does not vouch for it any more. */
  readonly address: 'fresh' | 'cached' | 'aged';
  /** `short`: the gateway has only that long for the whole journey, otherwise its default. */
  readonly deadline?: 'short';
  /** Makes ready what the client will run into. Resolves with a count of how often that was the fault. */
  readonly arrange: (world: World) => Promise<() => number>;
  readonly expected: Expected;
}

export interface Expected {
  /** How often the fault strikes. Default: once or more. */
  readonly strikes?: number;
  /** What the gateway made of each failure, repeats left out: `cached COMPUTE_REFUSED: replace`, `wake WAKE_BUSY`. */
  readonly verdicts: readonly string[];
  readonly dials: number | Range;
  readonly wakes: number | Range;
  /** From the client's first byte to its row, or to its error. */
  readonly tookMs: Range;
  /** From the first wake call to the second. */
  readonly firstWakeRetryMs?: Range;
  /** The generation that serves the client, or what the client reads. */
  readonly client: { readonly servedBy: number } | { readonly code: string; readonly text: string | EitherText };
}

/** Which of the two depends on what the gateway was doing when its time was up. */
export type EitherText = readonly [string, string];

/** The deadline of the gateway for `deadline: 'short'`. */
export const shortDeadlineMs = 2_500;
/** What a loaded machine may add to any time: less than any limit that a fault could make the gateway wait for. */
export const graceMs = 1_000;

/** What came of it, in the form of {@link Expected}; what lies within the expected bounds is given as those bounds. */
export function describeOutcome(
  expected: Expected,
  attempt: Attempt,
  journey: JourneyLine,
  wakes: readonly WakeCall[],
): object {
  const [first, second] = wakes;
  return {
    verdicts: readVerdicts(journey.steps),
    dials: clampTo(expected.dials, journey.dialAttempts),
    wakes: clampTo(expected.wakes, journey.wakeAttempts),
    // Rounded up: timers may be early by a part of a millisecond.
    tookMs: clampTo(withGrace(expected.tookMs), Math.ceil(attempt.tookMs)),
    ...(expected.firstWakeRetryMs && {
      firstWakeRetryMs: clampTo(
        withGrace(expected.firstWakeRetryMs),
        first && second ? Math.ceil(second.atMs - first.atMs) : -1,
      ),
    }),
    client: describeClient(expected.client, attempt),
  };
}

/** What {@link describeOutcome} gives when everything is as expected. */
export function describeExpected({ strikes: _, ...expected }: Expected, world: World): object {
  const { tookMs, firstWakeRetryMs, client } = expected;
  return {
    ...expected,
    tookMs: withGrace(tookMs),
    ...(firstWakeRetryMs && { firstWakeRetryMs: withGrace(firstWakeRetryMs) }),
    client: 'servedBy' in client ? { servedBy: world.nameOf(client.servedBy) } : client,
  };
}

function describeClient(expected: Expected['client'], attempt: Attempt): object {
  if (attempt.kind === 'served') return { servedBy: attempt.by };
  const either: readonly string[] = 'text' in expected && typeof expected.text !== 'string' ? expected.text : [];
  return { code: attempt.code, text: either.includes(attempt.text) ? either : attempt.text };
}

function withGrace([least, most]: Range): Range {
  return [least, most + graceMs];
}

function clampTo(expected: number | Range, value: number): number | Range {
  if (typeof expected === 'number') return value;
  return value >= expected[0] && value <= expected[1] ? expected : value;
}

const failure = /dial \d+ of (?<origin>cached|fresh) failed \((?<verdict>\w+: \w+)\)|wake failed \((?<code>\w+)\)/g;

function readVerdicts(steps: string): string[] {
  const all = [...steps.matchAll(failure)].map(({ groups = {} }) =>
    groups['code'] === undefined ? `${groups['origin']} ${groups['verdict']}` : `wake ${groups['code']}`,
  );
  return all.filter((verdict, index) => verdict !== all[index - 1]);
}
