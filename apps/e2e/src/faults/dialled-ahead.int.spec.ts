// Computes that do something to a login which was begun while its client still computed its proof. Nobody is to notice: no
// retry is spent, nothing is woken, and no time is lost.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeAuthenticationSasl } from '@pgwake/pg-wire';
import { type LeakCheck, type ScriptedPostgres, type Step, startLeakCheck, steps } from '@pgwake/testkit';
import { graceMs } from './fault.js';
import { Gateway } from './gateway.js';
import { countRefusal } from './probes.js';
import { type Attempt, type Script, World, nodeAt } from './world.js';

const quickMs = 100;
const asksForProof: Script = [steps.startup(), steps.send(encodeAuthenticationSasl(['SCRAM-SHA-256']))];

let leaks: LeakCheck;
let gateway: Gateway;
let world: World;

beforeAll(async () => {
  leaks = startLeakCheck();
  gateway = await Gateway.start();
});
afterAll(async () => {
  await gateway.stop();
  await leaks.expectNothingLeft();
});
beforeEach(() => {
  world = new World(gateway);
});
afterEach(() => world.end());

/** One client has logged in and left. The next one's compute is dialled ahead, and this is what happens to that. */
async function startWarm(...ahead: readonly Step[]): Promise<ScriptedPostgres> {
  const compute = await world.startWarmCompute(ahead);
  await world.warmUp(compute);
  return compute;
}

async function countAhead(result: 'used' | 'unused' | 'failed'): Promise<number> {
  const line = new RegExp(`^pgwake_dials_ahead_total\\{[^}]*result="${result}"[^}]*\\} (\\d+)$`, 'm');
  return Number(line.exec(await gateway.metrics())?.[1] ?? 0);
}

async function expectQuick(attempt: Attempt, by: number): Promise<void> {
  expect(attempt).toMatchObject({ kind: 'served', by: world.nameOf(by) });
  expect(attempt.tookMs).toBeLessThan(quickMs + graceMs);
}

it('a compute that was dialled ahead has one connection for the login', async () => {
  const compute = await world.startCompute(1);
  await world.warmUp(compute);
  const before = await countAhead('used');
  await expectQuick(await world.attempt(), 1);
  expect(compute.seen).toMatchObject({ accepted: 2, logins: 2 });
  expect(await countAhead('used')).toBe(before + 1);
});

describe('a connection that was opened ahead costs nobody anything when the compute', () => {
  it.each<[string, Script]>([
    ['resets it', [steps.reset()]],
    ['says that it is starting up (57P03)', [steps.startup(), steps.fail('57P03')]],
    ['has no room for it (53300)', [steps.startup(), steps.fail('53300')]],
    ['closes it while the client computes its proof', [...asksForProof, steps.close()]],
    ['resets it while the client computes its proof', [...asksForProof, steps.reset()]],
  ])('%s', async (_, script) => {
    const compute = await startWarm(...script);
    const before = await countAhead('failed');
    await expectQuick(await world.attempt(), 1);
    expect(await gateway.journey(world.endpoint, 1)).toMatchObject({ dialAttempts: 1, wakeAttempts: 0, sleepMs: 0 });
    // The fault did strike, and not the dial.
    expect(await countAhead('failed')).toBe(before + 1);
    expect(compute.seen).toMatchObject({ accepted: 3, logins: 2 });
  });
});

it('a compute that dies while the client computes its proof is replaced as any other cached one', async () => {
  let refusals: (() => number) | undefined;
  const compute = await startWarm(
    ...asksForProof,
    async () => {
      void compute.refuse();
      refusals = await countRefusal(compute);
    },
    steps.reset(),
  );
  world.wakes(nodeAt(await world.startCompute(2), 2));
  await expectQuick(await world.attempt(), 2);
  const journey = await gateway.journey(world.endpoint, 1);
  expect(journey).toMatchObject({ dialAttempts: 2, wakeAttempts: 1, sleepMs: 0 });
  expect(journey.steps).toContain('dial 1 of cached failed (COMPUTE_REFUSED: replace)');
  expect(refusals?.()).toBe(1);
});

it('a client with a wrong password has its compute dialled ahead once, and no more until somebody logged in again', async () => {
  const compute = await world.startCompute(1);
  await world.warmUp(compute);
  const before = await countAhead('unused');
  for (let attempt = 0; attempt < 3; attempt++) {
    expect(await world.attempt(world.endpoint, 'wrong')).toMatchObject({ kind: 'refused', code: '28P01' });
  }
  expect(compute.seen.accepted).toBe(2);
  expect(await countAhead('unused')).toBe(before + 1);
  await expectQuick(await world.attempt(), 1);
  expect(compute.seen.accepted).toBe(3);
  await expectQuick(await world.attempt(), 1);
  expect(await countAhead('unused')).toBe(before + 1);
});
