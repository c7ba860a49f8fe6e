// Wake-service is down for 20 s: what becomes of those who come meanwhile, and how soon its return is noticed. The clock of
// this story is real, because what it is about is the patience of the gRPC channel.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type LeakCheck, startLeakCheck, waitFor } from '@pgwake/testkit';
import pg from 'pg';
import { Gateway } from './gateway.js';
import { type Attempt, World, nodeAt } from './world.js';

const outageMs = 20_000;
/** An unhurried channel would try again 26 s after its first failure. */
const noticedWithinMs = 1_500;

let leaks: LeakCheck;
let gateway: Gateway;
const worlds: World[] = [];

/** An endpoint whose compute runs behind a wake-service that says so. */
async function createWorld(): Promise<World> {
  const world = new World(gateway);
  worlds.push(world);
  world.wakes(nodeAt(await world.startCompute(1), 1));
  return world;
}

let openSession: pg.Client;
/** What this session is told in the middle of the outage. */
let toldMeanwhile: unknown;
let early: Attempt & { readonly world: World };
let inMidWake: Attempt & { readonly world: World };
let late: Attempt & { readonly world: World };
/** Of `performance.now()`. */
let backAtMs: number;
let finishedAtMs: Readonly<Record<'inMidWake' | 'late', number>>;

beforeAll(async () => {
  leaks = startLeakCheck();
  gateway = await Gateway.start();
  const { wake } = gateway;
  const connected = await createWorld();
  openSession = new pg.Client(gateway.connectionConfig(connected.endpoint));
  openSession.on('error', () => undefined);
  await openSession.connect();

  const asleep = await createWorld();
  asleep.wakes({ kind: 'silence' }, nodeAt(await asleep.startCompute(1), 1));
  const waiting = timed(asleep);
  await waitFor(() => wake.wakesOf(asleep.endpoint).length === 1, 5_000);

  await wake.goDown();
  const back = sleep(outageMs).then(() => wake.comeBack());
  const tooEarly = timed(await createWorld());
  await sleep(outageMs / 2 + 1_000);
  toldMeanwhile = (await openSession.query('select who is there')).rows[0];
  const justInTime = timed(await createWorld());
  await back;
  backAtMs = performance.now();

  const ends = await Promise.all([tooEarly, waiting, justInTime]);
  [early, inMidWake, late] = ends.map(({ attempt, world }) => ({ ...attempt, world })) as [
    typeof early,
    typeof inMidWake,
    typeof late,
  ];
  finishedAtMs = { inMidWake: ends[1].atMs, late: ends[2].atMs };
}, 60_000);

afterAll(async () => {
  await openSession?.end();
  for (const world of worlds) await world.end();
  await gateway?.stop();
  await leaks.expectNothingLeft();
}, 30_000);

async function timed(world: World): Promise<{ attempt: Attempt; world: World; atMs: number }> {
  const attempt = await world.attempt();
  return { attempt, world, atMs: performance.now() };
}

describe('wake-service is down for 20 s', () => {
  it('cuts the wake that was under way', async () => {
    const [cut] = gateway.wake.wakesOf(inMidWake.world.endpoint);
    expect(cut?.state).toBe('cancelled');
    const { steps } = await gateway.journey(inMidWake.world.endpoint);
    expect(steps).toContain('wake 1, wake failed (WAKE_SERVICE_UNAVAILABLE), wake 2');
  });

  it('does not touch a session that is connected', () => {
    expect(toldMeanwhile).toEqual({ by: expect.stringMatching(/^pgwake\/fault-\d+\/1$/) });
  });

  it('has told a client after 10 s that came too early, with 08001', async () => {
    expect(early).toMatchObject({
      kind: 'refused',
      code: '08001',
      text: 'the gateway cannot reach its control service',
    });
    expect(early.tookMs).toBeGreaterThanOrEqual(10_000);
    expect(early.tookMs).toBeLessThan(outageMs);
  });

  it('serves within 1.5 s of its return the client that it left in mid-wake, with one dial and one more wake', async () => {
    expect(inMidWake).toMatchObject({ kind: 'served' });
    expect(inMidWake.tookMs).toBeGreaterThanOrEqual(outageMs);
    expect(finishedAtMs.inMidWake - backAtMs).toBeLessThan(noticedWithinMs);
    expect(gateway.wake.wakesOf(inMidWake.world.endpoint).map(({ state }) => state)).toEqual(['cancelled', 'answered']);
    expect(await gateway.journey(inMidWake.world.endpoint)).toMatchObject({ dialAttempts: 1 });
  });

  it('serves within 1.5 s of its return the client that waits for its login', () => {
    expect(late).toMatchObject({ kind: 'served' });
    expect(late.tookMs).toBeGreaterThanOrEqual(outageMs / 2 - 1_000 - 1_000);
    expect(finishedAtMs.late - backAtMs).toBeLessThan(noticedWithinMs);
  });
});
