// What clients notice of a long wait, what they leave behind when they do not want to wait any longer, and what a dead zone of
// the DNS means for everybody else.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type LeakCheck, type ScriptedPostgres, startLeakCheck, steps, waitFor } from '@pgwake/testkit';
import pg from 'pg';
import { Gateway } from './gateway.js';
import { World, attempt, nodeAt } from './world.js';

const noticeAfterMs = 300;
/** "At once", on a loaded machine: far below every limit of a wake or a dial. */
const atOnceMs = 1_000;

let leaks: LeakCheck;
let gateway: Gateway;
let world: World;

beforeAll(async () => {
  leaks = startLeakCheck();
  gateway = await Gateway.start({ PGWAKE_WAKE_NOTICE_AFTER_MS: String(noticeAfterMs) });
});
afterAll(async () => {
  await gateway?.stop();
  await leaks.expectNothingLeft();
});
afterEach(() => world.end());

interface Waiting {
  readonly notices: readonly string[];
  /** Resolves with the name of the compute that serves it, rejects when it is refused or has left. */
  readonly served: Promise<string>;
  leave(): void;
}

/** A client that may lose patience. */
function startClient(endpoint: string): Waiting {
  const client = new pg.Client(gateway.connectionConfig(endpoint));
  const notices: string[] = [];
  client.on('error', () => undefined);
  client.on('notice', ({ message }) => notices.push(message ?? ''));
  const served = (async () => {
    await client.connect();
    const { rows } = await client.query<{ by: string }>('select who is there');
    await client.end();
    return rows[0]?.by ?? '';
  })();
  served.catch(() => undefined);
  const { stream } = (client as unknown as { readonly connection: { readonly stream: { destroy(): void } } })
    .connection;
  return { notices, served, leave: () => stream.destroy() };
}

/** A wake that wake-service does not answer until told so. */
function holdWake(compute: ScriptedPostgres): { readonly answer: () => void } {
  let answer = (): void => undefined;
  const held = new Promise<void>((resolve) => (answer = resolve));
  world.wakes({ ...nodeAt(compute, 1), after: () => held });
  return { answer };
}

describe('a client that leaves while it waits', () => {
  it('for a wake that others wait for, frees what is its own at once, and the wake goes on', async () => {
    world = new World(gateway);
    const held = holdWake(await world.startCompute(1));
    const [impatient, patient] = [startClient(world.endpoint), startClient(world.endpoint)];
    await waitFor(async () => (await gateway.openSessions()) === 2, 5_000);
    // Then both wait: one that is still logging in has no journey yet.
    await waitFor(() => [impatient, patient].every(({ notices }) => notices.length > 0), 5_000);
    expect(gateway.wake.wakesOf(world.endpoint)).toHaveLength(1);

    impatient.leave();
    await waitFor(async () => (await gateway.openSessions()) === 1, atOnceMs);
    expect(await gateway.journey(world.endpoint)).toMatchObject({ code: 'CLIENT_GONE', dialAttempts: 0 });
    expect(gateway.wake.wakesOf(world.endpoint)).toMatchObject([{ state: 'open' }]);

    held.answer();
    expect(await patient.served).toBe(world.nameOf(1));
    expect(gateway.wake.wakesOf(world.endpoint)).toMatchObject([{ state: 'answered' }]);
  });

  it('for a wake that nobody else waits for, takes the call with it', async () => {
    world = new World(gateway);
    const held = holdWake(await world.startCompute(1));
    const impatient = startClient(world.endpoint);
    await waitFor(() => gateway.wake.wakesOf(world.endpoint).length === 1, 5_000);
    impatient.leave();
    await waitFor(() => gateway.wake.wakesOf(world.endpoint)[0]?.state === 'cancelled', atOnceMs);
    await waitFor(async () => (await gateway.openSessions()) === 0, atOnceMs);
    held.answer();
  });

  it('for a compute that stays silent, frees the connection to it at once', async () => {
    world = new World(gateway);
    const compute = await world.startCompute(1, [steps.startup()]);
    world.wakes(nodeAt(compute, 1));
    const impatient = startClient(world.endpoint);
    await waitFor(() => compute.seen.startups.length === 1, 5_000);
    impatient.leave();
    await waitFor(() => compute.seen.open === 0, atOnceMs);
    await waitFor(async () => (await gateway.openSessions()) === 0, atOnceMs);
    expect(await world.attempt()).toMatchObject({ kind: 'served', by: world.nameOf(1) });
  });
});

describe('a long wait', () => {
  it('is told to the client, measured by what it was spent on, and told as one line of the log', async () => {
    world = new World(gateway);
    const starting = [steps.startup(), steps.fail('57P03', 'the database system is starting up')];
    const slowToAnswer = [steps.wait(sleep(noticeAfterMs)), ...world.healthy(world.nameOf(1))];
    const compute = await world.startCompute(1, starting, starting, starting, slowToAnswer);
    world.wakes({ ...nodeAt(compute, 1), after: () => sleep(2 * noticeAfterMs) });
    const before = await readPhases();

    const client = startClient(world.endpoint);
    expect(await client.served).toBe(world.nameOf(1));
    expect(client.notices).toEqual(['the database is waking up']);

    const journey = await gateway.journey(world.endpoint);
    expect(journey).toMatchObject({
      level: 'info',
      msg: 'connected',
      endpoint: world.endpoint,
      role: 'app',
      database: 'app',
      startKind: 'started',
      wakeAttempts: 1,
      dialAttempts: 4,
      steps: [
        'cache miss, wake 1, woken (generation 1, started)',
        ...[1, 2, 3].map((dial) => `dial ${dial} of fresh failed (COMPUTE_STARTING: dialAgain)`),
        'dial 4 of fresh connected',
      ].join(', '),
    });
    const { wakeWaitMs, dialMs, sleepMs, totalMs } = journey;
    expect(Math.ceil(wakeWaitMs)).toBeGreaterThanOrEqual(2 * noticeAfterMs);
    expect(wakeWaitMs + dialMs + sleepMs).toBeLessThanOrEqual(totalMs + 1);

    const after = await readPhases();
    const spentMs = (phase: string) => 1_000 * ((after.get(phase) ?? 0) - (before.get(phase) ?? 0));
    // The log rounds to a tenth of a millisecond.
    expect(spentMs('wake')).toBeCloseTo(wakeWaitMs, 0);
    expect(spentMs('dial')).toBeCloseTo(dialMs, 0);
    expect(spentMs('sleep')).toBeCloseTo(sleepMs, 0);
  });

  it('that is short is nothing to talk about', async () => {
    world = new World(gateway);
    await world.warmUp(await world.startCompute(1));
    const client = startClient(world.endpoint);
    expect(await client.served).toBe(world.nameOf(1));
    expect(client.notices).toEqual([]);
  });

  /** Seconds per phase of all journeys so far. */
  async function readPhases(): Promise<ReadonlyMap<string, number>> {
    const sums = /^pgwake_connect_phase_seconds_sum\{.*?phase="(\w+)".*?\} (\S+)$/gm;
    const metrics = await gateway.metrics();
    return new Map([...metrics.matchAll(sums)].map(([, phase = '', sum]) => [phase, Number(sum)]));
  }
});

describe('a zone whose name servers are silent', () => {
  it('holds up nobody whose compute has a name elsewhere', async () => {
    world = new World(gateway);
    const { dns } = gateway;
    const dead = Array.from({ length: 20 }, () => new World(gateway));
    const compute = await world.startCompute(1);
    const host = (of: World, zone: string) => `${of.endpoint}.${zone}.test`;
    for (const each of dead) {
      dns.reply(host(each, 'dead'), { kind: 'silence' });
      each.wakes(nodeAt(compute, 1, { host: host(each, 'dead') }));
    }
    const waiting = dead.map((each) => startClient(each.endpoint));
    await waitFor(() => dead.every((each) => dns.questionsFor(host(each, 'dead')) > 0), 5_000);

    dns.reply(host(world, 'alive'), { kind: 'addresses', addresses: ['127.0.0.1'] });
    world.wakes(nodeAt(compute, 1, { host: host(world, 'alive') }));
    for (let client = 0; client < 5; client += 1) {
      const seen = await attempt(gateway, world.endpoint);
      expect(seen).toMatchObject({ kind: 'served', by: world.nameOf(1) });
      expect(seen.tookMs).toBeLessThan(atOnceMs);
    }
    expect(dns.replies.silence).toBeGreaterThanOrEqual(dead.length);

    for (const client of waiting) client.leave();
    await waitFor(async () => (await gateway.openSessions()) === 0, 5_000);
  });
});
