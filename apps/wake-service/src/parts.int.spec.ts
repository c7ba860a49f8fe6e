import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type CatalogConnection, connectCatalog } from '@pgwake/catalog';
import type { EndpointId, Generation, RoleName } from '@pgwake/ids';
import { loadSettings } from '@pgwake/nest-kit';
import { noNodeEvictions } from '@pgwake/node-cache';
import { createLogger, createRegistry, createWakeMetrics } from '@pgwake/telemetry';
import { startTestPostgres, waitFor } from '@pgwake/testkit';
import type { WakeOutcome } from '@pgwake/wake-api';
import type { ComputeDriver, ComputeRef, RunningCompute, ServiceAccess, StartOutcome } from '@pgwake/wake-core';
import { type Parts, createParts } from './parts.js';
import { wakeServiceSettings } from './settings.js';

const log = createLogger({ app: 'wake-service', level: 'silent' });
const verifier =
  'SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVkc3RvcmVkc3RvcmVkc3RvcmVkc3RvcmVkc3Q=:c2VydmVyc2VydmVyc2VydmVyc2VydmVyc2VydmVyc2U=';

/** A driver that does what it is told; its computes are all the same Postgres. */
class ScriptedDriver implements ComputeDriver {
  readonly starts: ComputeRef[] = [];
  readonly alive = new Set<string>();
  nextStart: (compute: RunningCompute, signal: AbortSignal) => Promise<StartOutcome> = succeed;
  nextSuspend: () => Promise<void> = () => Promise.resolve();
  exit: (ref: ComputeRef, detail: string) => void = () => undefined;

  constructor(public access: ServiceAccess) {}

  async start(ref: ComputeRef, signal: AbortSignal): Promise<StartOutcome> {
    this.starts.push(ref);
    const outcome = await this.nextStart(computeOf(ref), signal);
    if (outcome.ok) this.alive.add(key(ref));
    return outcome;
  }
  async suspend(ref: ComputeRef): Promise<void> {
    await this.nextSuspend();
    this.alive.delete(key(ref));
  }
  probe = (ref: ComputeRef) => Promise.resolve(this.alive.has(key(ref)));
  serviceAccess = () => this.access;
  prepare = () => Promise.resolve();
  adopt = () => Promise.resolve([]);
  destroy = () => Promise.resolve();
  detach = () => Promise.resolve();
  onExit(listener: (ref: ComputeRef, detail: string) => void): () => void {
    this.exit = listener;
    return () => undefined;
  }
}

const key = ({ endpoint, generation }: ComputeRef) => `${endpoint}/${generation}`;
const succeed = (compute: RunningCompute): Promise<StartOutcome> => Promise.resolve({ ok: true, compute, phases: {} });
const fail = (transient: boolean) => (): Promise<StartOutcome> =>
  Promise.resolve({ ok: false, transient, detail: 'no space left' });

function computeOf(ref: ComputeRef): RunningCompute {
  return {
    ...ref,
    address: { kind: 'unix', socketDirectory: '/run/x', port: 5432 },
    identity: { kind: 'clusterName', value: `pgwake/${key(ref)}` },
  };
}

let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
let catalog: CatalogConnection;
let driver: ScriptedDriver;
let parts: Parts;
let made = 0;

beforeAll(async () => {
  postgres = await startTestPostgres();
  catalog = await connectCatalog(postgres.connectionConfig, () => undefined);
});
beforeEach(() => begin());
afterEach(async () => {
  parts.watches.close();
  await parts.links.close();
});
afterAll(async () => {
  await catalog?.close();
  await postgres?.stop();
});

function begin(more: Readonly<Record<string, string>> = {}): void {
  driver = new ScriptedDriver({ ...postgres.connectionConfig, database: 'pgwake' });
  const settings = loadSettings(wakeServiceSettings, { PGWAKE_START_TIMEOUT_MS: '300', ...more });
  const foundation = { catalog, driver, mockSecret: new Uint8Array(32), close: () => Promise.resolve() };
  parts = createParts(
    foundation,
    settings,
    { keys: new Map(), evictions: noNodeEvictions },
    createWakeMetrics(createRegistry('test')),
    log,
  );
}

async function newEndpoint(): Promise<EndpointId> {
  made += 1;
  const id = `demo-${made}` as EndpointId;
  const role = { name: `role_${made}` as RoleName, verifier };
  await catalog.create({ id, database: `db_${made}`, role, idleSuspendAfterMs: undefined, allowedNetworks: [] });
  return id;
}

const wake = (endpoint: EndpointId, suspectGeneration?: Generation): Promise<WakeOutcome> =>
  parts.waker.wake({ endpoint, suspectGeneration, reason: 'connection' });
const stateOf = async (id: EndpointId) => (await catalog.find(id))?.compute.kind;

describe('a start that fails', () => {
  it.each([
    [true, 'START_FAILED_TRANSIENT'],
    [false, 'START_FAILED'],
  ])(
    'is told by the word of the driver (transient: %s), and the endpoint can be woken again',
    async (transient, reason) => {
      const id = await newEndpoint();
      driver.nextStart = fail(transient);
      expect(await wake(id)).toMatchObject({ ok: false, failure: { reason, detail: 'no space left' } });
      expect(await stateOf(id)).toBe('suspended');
      driver.nextStart = succeed;
      expect(await wake(id)).toMatchObject({ ok: true, node: { generation: 2 } });
    },
  );

  it('for taking too long is told as such', async () => {
    const id = await newEndpoint();
    driver.nextStart = async (_, signal) => {
      await once(signal, 'abort');
      return { ok: false, transient: true, detail: 'given up' };
    };
    expect(await wake(id)).toMatchObject({ ok: false, failure: { reason: 'START_TIMED_OUT' } });
    expect(await stateOf(id)).toBe('suspended');
  });

  it('by a mistake of the driver leaves nothing in between', async () => {
    const id = await newEndpoint();
    driver.nextStart = () => Promise.reject(new Error('not foreseen'));
    expect(await wake(id)).toMatchObject({ ok: false, failure: { reason: 'START_FAILED' } });
    expect(await stateOf(id)).toBe('suspended');
  });

  it('again and again is answered at once, without another start', async () => {
    const id = await newEndpoint();
    driver.nextStart = fail(true);
    for (let attempt = 0; attempt < 3; attempt += 1) await wake(id);
    const outcome = await wake(id);
    expect(outcome).toMatchObject({ ok: false, failure: { reason: 'START_FAILED' } });
    expect(outcome.ok ? undefined : outcome.failure.retryAfterMs).toBeGreaterThan(0);
    expect(driver.starts).toHaveLength(3);
  });

  it('because its roles cannot be set is no running compute', async () => {
    const id = await newEndpoint();
    driver.access = { ...driver.access, password: 'wrong' };
    expect(await wake(id)).toMatchObject({ ok: false, failure: { reason: 'START_FAILED_TRANSIENT' } });
    expect(await stateOf(id)).toBe('suspended');
    expect(driver.alive.size).toBe(0);
  });
});

describe('a compute that dies', () => {
  it('is suspended as soon as the driver says so, and counts as a failed start when it was young', async () => {
    const id = await newEndpoint();
    await wake(id);
    driver.alive.clear();
    driver.exit({ endpoint: id, generation: 1 as Generation }, 'killed');
    await waitFor(async () => (await stateOf(id)) === 'suspended', 5_000);
    expect((await catalog.find(id))?.failedStarts).toMatchObject({ count: 1 });
  });

  it('without a word from the driver is found by looking after it', async () => {
    const id = await newEndpoint();
    await wake(id);
    driver.alive.clear();
    driver.access = { ...driver.access, port: 1 };
    await waitFor(async () => (await stateOf(id)) === 'suspended', 5_000);
  });
});

describe('a suspend', () => {
  it('that the driver cannot do leaves the compute running', async () => {
    const id = await newEndpoint();
    await wake(id);
    driver.nextSuspend = () => Promise.reject(new Error('it does not listen'));
    await expect(parts.suspender.suspend(id, { kind: 'requested' })).rejects.toThrow('it does not listen');
    expect(await stateOf(id)).toBe('running');
    expect(await wake(id)).toMatchObject({ ok: true, node: { generation: 1, startKind: 'running' } });
  });

  it('for idleness is called off when something has happened since', async () => {
    const id = await newEndpoint();
    await wake(id);
    const seen = { sessions: -1, activeTimeMs: 0, busyBackends: 0, lastStateChangeAgoMs: undefined, holds: 0 };
    const cause = { kind: 'idle', generation: 1 as Generation, seen } as const;
    expect(await parts.suspender.suspend(id, cause)).toEqual({ kind: 'calledOff' });
    expect(await stateOf(id)).toBe('running');
  });
});

describe('starts of an endpoint', () => {
  async function sleepAgain(endpoint: EndpointId): Promise<void> {
    await parts.suspender.suspend(endpoint, { kind: 'requested' });
  }

  it('by connections are limited, however they went; what runs is answered, and people are not limited', async () => {
    begin({ PGWAKE_MAX_WAKES_PER_MINUTE: '1', PGWAKE_MAX_WAKES_AT_ONCE: '2' });
    const [id, other] = [await newEndpoint(), await newEndpoint()];
    driver.nextStart = fail(true);
    expect(await wake(id)).toMatchObject({ ok: false, failure: { reason: 'START_FAILED_TRANSIENT' } });
    driver.nextStart = succeed;
    // A crowd takes one start.
    const crowd = await Promise.all(Array.from({ length: 20 }, () => wake(id)));
    expect(crowd.every(({ ok }) => ok)).toBe(true);
    expect(await wake(id)).toMatchObject({ ok: true, node: { startKind: 'running', generation: 2 } });
    await sleepAgain(id);

    const refused = await wake(id);
    expect(refused).toMatchObject({ ok: false, failure: { reason: 'RATE_LIMITED' } });
    const retryAfterMs = refused.ok ? 0 : (refused.failure.retryAfterMs ?? 0);
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(await stateOf(id)).toBe('suspended');
    expect(await wake(other)).toMatchObject({ ok: true });
    const byAdmin = await parts.waker.wake({ endpoint: id, suspectGeneration: undefined, reason: 'admin' });
    expect(byAdmin).toMatchObject({ ok: true, node: { generation: 3 } });
    expect(await wake(id)).toMatchObject({ ok: true, node: { startKind: 'running' } });
  });

  it('come back with time: who waits as long as it was told is served', async () => {
    begin({ PGWAKE_MAX_WAKES_PER_MINUTE: '30', PGWAKE_MAX_WAKES_AT_ONCE: '1' });
    const id = await newEndpoint();
    await wake(id);
    await sleepAgain(id);
    const refusals: (number | undefined)[] = [];
    await waitFor(async () => {
      const outcome = await wake(id);
      if (!outcome.ok) refusals.push(outcome.failure.retryAfterMs);
      return outcome.ok;
    }, 5_000);
    expect(refusals.length).toBeGreaterThan(0);
    expect(refusals.every((retryAfterMs) => retryAfterMs !== undefined && retryAfterMs <= 2_000)).toBe(true);
  });
});

describe('the access of a role', () => {
  it('comes from the catalog when the compute does not answer in time', async () => {
    const id = await newEndpoint();
    await wake(id);
    const role = `role_${made}` as RoleName;
    expect(await parts.access.read(id, role)).toEqual({ verifier, disabled: false, allowedNetworks: [] });

    await parts.links.close();
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    driver.access = { ...driver.access, port: (silent.address() as AddressInfo).port };
    expect(await parts.access.read(id, role)).toEqual({ verifier, disabled: false, allowedNetworks: [] });
    expect(sockets.size).toBe(1);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});
