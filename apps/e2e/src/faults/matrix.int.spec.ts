// Every fault of the matrix, on real sockets: did it happen, what did the gateway make of it, what did the client read, and
// did anybody else notice. docs/faults.md is made from the same rows by `npm run docs:faults`.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type LeakCheck, startLeakCheck, waitFor } from '@pgwake/testkit';
import { type Fault, describeExpected, describeOutcome, shortDeadlineMs } from './fault.js';
import { Gateway } from './gateway.js';
import { matrix } from './matrix.js';
import { World, watchBystanders } from './world.js';

/** For so long after a wake, wake-service vouches for the address it named. */
const vouchedForMs = 5_000;
/** Otherwise what a row does to a dial happens to the one ahead of it, which nobody is to notice: dialled-ahead.int.spec.ts. */
const settings = { PGWAKE_DIAL_AHEAD: 'off' };
/** Below every time limit that a fault makes the gateway wait for. */
const bystanderLimitMs = 1_200;

interface Arranged {
  readonly world: World;
  readonly countStrikes: () => number;
  readonly atMs: number;
}

let leaks: LeakCheck;
let gateway: Gateway;
let hurried: Gateway;
/** Addresses that have to age. */
const inAdvance = new Map<Fault, Arranged>();

beforeAll(async () => {
  leaks = startLeakCheck();
  [gateway, hurried] = await Promise.all([
    Gateway.start(settings),
    Gateway.start({ ...settings, PGWAKE_CONNECT_TIMEOUT_MS: String(shortDeadlineMs) }),
  ]);
  for (const fault of matrix.flatMap(({ faults }) => faults)) {
    if (fault.address === 'aged') inAdvance.set(fault, await arrange(fault));
  }
});

afterAll(async () => {
  await Promise.all([gateway.stop(), hurried.stop()]);
  await leaks.expectNothingLeft();
});

async function arrange(fault: Fault): Promise<Arranged> {
  const world = new World(fault.deadline === 'short' ? hurried : gateway);
  return { world, countStrikes: await fault.arrange(world), atMs: performance.now() };
}

async function strike(fault: Fault): Promise<void> {
  const { world, countStrikes, atMs } = inAdvance.get(fault) ?? (await arrange(fault));
  try {
    if (fault.address === 'aged') await waitFor(() => performance.now() > atMs + vouchedForMs, vouchedForMs + 1_000);
    const { wake } = world.gateway;
    const earlier = world.gateway.journeysOf(world.endpoint).length;
    const earlierWakes = wake.wakesOf(world.endpoint).length;
    const { result, slowestMs } = await watchBystanders(world.gateway, () => world.attempt());
    const journey = await world.gateway.journey(world.endpoint, earlier);

    const wakes = wake.wakesOf(world.endpoint).slice(earlierWakes);
    expect(describeOutcome(fault.expected, result, journey, wakes)).toEqual(describeExpected(fault.expected, world));
    const strikes = countStrikes();
    if (fault.expected.strikes === undefined) expect(strikes).toBeGreaterThan(0);
    else expect(strikes).toBe(fault.expected.strikes);
    expect(slowestMs).toBeLessThan(bystanderLimitMs);
  } finally {
    await world.end();
  }
}

describe.each(matrix)('$title', ({ faults }) => {
  // Those whose address has to age come last, so that it may do so meanwhile.
  const inOrder = [...faults].sort((a, b) => Number(a.address === 'aged') - Number(b.address === 'aged'));
  it.each(inOrder)('$fault (address $address)', strike);
});
