// What every compute driver promises, as cases any test runner can run:
//   it.each(computeDriverContract)('$promise', ({ check }) => check(lab))
// A lab says how to open a driver and how to hurt a compute; it differs per driver, the promises do not.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type EndpointId, type Generation, millis, parseEndpointId } from '@pgwake/ids';
import type { ComputeDriver, ComputeRef, RunningCompute, StartOutcome } from '@pgwake/wake-core';
import pg from 'pg';
import { waitFor } from './wait-for.js';

export interface ComputeDriverLab {
  /** A driver over the same computes as every other one of this lab: the next life of wake-service. */
  openDriver(): Promise<ComputeDriver>;
  /** Ends a running compute without warning, as a crash or the OOM killer does. */
  crash(compute: RunningCompute): Promise<void>;
}

export interface ComputeDriverCase {
  readonly promise: string;
  check(lab: ComputeDriverLab): Promise<void>;
}

const patient = new AbortController().signal;
const suspendLimit = millis(5_000);
const noticeLimitMs = 2_000;

interface Stage {
  readonly lab: ComputeDriverLab;
  readonly driver: ComputeDriver;
  readonly endpoint: EndpointId;
  readonly exits: readonly ComputeRef[];
  ref(generation: number): ComputeRef;
}

function contractCase(promise: string, check: (stage: Stage) => Promise<void>): ComputeDriverCase {
  return {
    promise,
    async check(lab) {
      const driver = await lab.openDriver();
      const exits: ComputeRef[] = [];
      driver.onExit((ref) => exits.push(ref));
      const endpoint = parseEndpointId(`contract-${randomBytes(4).toString('hex')}`) as EndpointId;
      const ref = (generation: number): ComputeRef => ({ endpoint, generation: generation as Generation });
      try {
        await check({ lab, driver, endpoint, exits, ref });
      } finally {
        await driver.detach();
        await removeCompute(lab, endpoint);
      }
    },
  };
}

/** Whatever a failed case left behind, seen with fresh eyes. */
async function removeCompute(lab: ComputeDriverLab, endpoint: EndpointId): Promise<void> {
  const cleaner = await lab.openDriver();
  for (const compute of await cleaner.adopt()) {
    if (compute.endpoint === endpoint) await cleaner.suspend(compute, suspendLimit);
  }
  await cleaner.destroy(endpoint);
  await cleaner.detach();
}

function requireStarted(outcome: StartOutcome): RunningCompute {
  assert.ok(outcome.ok, outcome.ok ? '' : `start failed: ${outcome.detail}`);
  return outcome.compute;
}

async function ask(driver: ComputeDriver, compute: RunningCompute, sql: string): Promise<unknown> {
  const client = new pg.Client({ ...driver.serviceAccess(compute) });
  client.on('error', () => undefined); // a crash of the compute is the subject of some cases
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

const answers = (driver: ComputeDriver, compute: RunningCompute): Promise<unknown> => ask(driver, compute, 'SELECT 1');

export const computeDriverContract: readonly ComputeDriverCase[] = [
  contractCase('a started compute answers the service role and shows the promised identity', async (stage) => {
    const { driver, endpoint, ref } = stage;
    await driver.prepare(endpoint, patient);
    await driver.prepare(endpoint, patient); // changes nothing
    const outcome = await driver.start(ref(1), patient);
    const compute = requireStarted(outcome);
    assert.equal(compute.endpoint, endpoint);
    assert.equal(compute.generation, 1);
    if (compute.identity.kind === 'clusterName') {
      assert.equal(await ask(driver, compute, 'SHOW cluster_name'), compute.identity.value);
    } else {
      assert.equal(await answers(driver, compute), 1);
    }
    assert.ok(outcome.ok && Object.values(outcome.phases).every((ms) => ms >= 0));
    assert.equal(await driver.probe(ref(1)), true);
    assert.equal(await driver.probe(ref(2)), false);
  }),

  contractCase('data outlives suspend, and the next generation has an identity of its own', async (stage) => {
    const { driver, endpoint, ref } = stage;
    await driver.prepare(endpoint, patient);
    const first = requireStarted(await driver.start(ref(1), patient));
    await ask(driver, first, 'CREATE TABLE kept AS SELECT 42 AS value');
    await driver.suspend(ref(1), suspendLimit);
    assert.equal(await driver.probe(ref(1)), false);
    await assert.rejects(answers(driver, first));
    const second = requireStarted(await driver.start(ref(2), patient));
    assert.equal(await ask(driver, second, 'SELECT value FROM kept'), 42);
    if (first.identity.kind === 'clusterName') assert.notDeepEqual(first.identity, second.identity);
    await driver.suspend(ref(2), suspendLimit);
    assert.deepEqual(stage.exits, [], 'a suspend is no exit');
  }),

  contractCase('suspending what is gone, or never was, is no error and touches nothing else', async (stage) => {
    const { driver, endpoint, ref } = stage;
    await driver.suspend(ref(1), suspendLimit);
    await driver.prepare(endpoint, patient);
    requireStarted(await driver.start(ref(2), patient));
    await driver.suspend(ref(1), suspendLimit);
    assert.equal(await driver.probe(ref(2)), true);
  }),

  contractCase('starts of one generation at the same time give one compute', async (stage) => {
    const { driver, endpoint, ref } = stage;
    await driver.prepare(endpoint, patient);
    const outcomes = await Promise.all([driver.start(ref(1), patient), driver.start(ref(1), patient)]);
    const [first, second] = outcomes.map(requireStarted);
    assert.deepEqual(first, second);
    assert.deepEqual(requireStarted(await driver.start(ref(1), patient)), first);
  }),

  contractCase('a newer generation takes the place of an older one, never the other way round', async (stage) => {
    const { driver, endpoint, ref } = stage;
    await driver.prepare(endpoint, patient);
    requireStarted(await driver.start(ref(5), patient));
    const late = await driver.start(ref(4), patient);
    assert.ok(!late.ok && !late.transient);
    assert.equal(await driver.probe(ref(5)), true);
    requireStarted(await driver.start(ref(6), patient));
    assert.deepEqual([await driver.probe(ref(5)), await driver.probe(ref(6))], [false, true]);
  }),

  contractCase('a crash is reported once, and the next start finds the data', async (stage) => {
    const { driver, endpoint, exits, ref } = stage;
    await driver.prepare(endpoint, patient);
    const first = requireStarted(await driver.start(ref(1), patient));
    await ask(driver, first, 'CREATE TABLE kept AS SELECT 42 AS value');
    await stage.lab.crash(first);
    await waitFor(() => exits.length > 0, noticeLimitMs);
    assert.equal(await driver.probe(ref(1)), false);
    const second = requireStarted(await driver.start(ref(2), patient));
    assert.equal(await ask(driver, second, 'SELECT value FROM kept'), 42);
    assert.deepEqual(exits, [ref(1)]);
  }),

  contractCase(
    'the next life adopts what runs: same address, its end is noticed, it can be suspended',
    async (stage) => {
      const { lab, driver, endpoint, exits, ref } = stage;
      await driver.prepare(endpoint, patient);
      const first = requireStarted(await driver.start(ref(1), patient));
      await driver.detach();
      const next = await lab.openDriver();
      const nextExits: ComputeRef[] = [];
      next.onExit((exited) => nextExits.push(exited));
      try {
        const adopted = (await next.adopt()).filter((compute) => compute.endpoint === endpoint);
        assert.deepEqual(adopted, [first]);
        assert.equal(await answers(next, first), 1);
        await lab.crash(first);
        await waitFor(() => nextExits.length > 0, noticeLimitMs);
        requireStarted(await next.start(ref(2), patient));
        await next.suspend(ref(2), suspendLimit);
        assert.equal(await next.probe(ref(2)), false);
        assert.deepEqual([nextExits, exits], [[ref(1)], []]);
      } finally {
        await next.detach();
      }
    },
  ),

  contractCase('a start that is aborted leaves nothing running and nothing broken', async (stage) => {
    const { driver, endpoint, ref } = stage;
    await driver.prepare(endpoint, patient);
    const early = await driver.start(ref(1), AbortSignal.abort());
    assert.ok(!early.ok && early.transient);
    const inTheMiddle = await driver.start(ref(2), AbortSignal.timeout(5));
    assert.ok(!inTheMiddle.ok && inTheMiddle.transient);
    assert.equal(await driver.probe(ref(2)), false);
    requireStarted(await driver.start(ref(3), patient));
    assert.deepEqual(stage.exits, []);
  }),

  contractCase(
    'an endpoint without a home does not start, and says so instead of throwing',
    async ({ driver, ref }) => {
      const outcome = await driver.start(ref(1), patient);
      assert.ok(!outcome.ok && !outcome.transient && outcome.detail.length > 0);
    },
  ),

  contractCase('destroy takes the data, but not from under a running compute', async (stage) => {
    const { driver, endpoint, ref } = stage;
    await driver.prepare(endpoint, patient);
    const first = requireStarted(await driver.start(ref(1), patient));
    await ask(driver, first, 'CREATE TABLE kept AS SELECT 42 AS value');
    await assert.rejects(driver.destroy(endpoint));
    assert.equal(await answers(driver, first), 1);
    await driver.suspend(ref(1), suspendLimit);
    await driver.destroy(endpoint);
    await driver.destroy(endpoint); // what is gone is gone
    await driver.prepare(endpoint, patient);
    const second = requireStarted(await driver.start(ref(2), patient));
    assert.equal(await ask(driver, second, `SELECT to_regclass('kept') IS NULL`), true);
  }),
];
