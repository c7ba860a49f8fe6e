import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type EndpointId, type Generation, type RoleName, millis } from '@pgwake/ids';
import { startTestPostgres } from '@pgwake/testkit';
import type { NewEndpoint, RunningCompute } from '@pgwake/wake-core';
import { Client } from 'pg';
import { type CatalogConnection, connectCatalog } from './index.js';

const verifier = 'SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy';
const otherVerifier = 'SCRAM-SHA-256$4096:c2FsdA==$b3RoZXI=:c2VydmVy';
const app = 'app' as RoleName;

let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
const open = new Set<CatalogConnection>();
let made = 0;

beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterEach(async () => {
  await Promise.all([...open].map(close));
});
afterAll(async () => {
  await postgres?.stop();
});

async function connect(): Promise<CatalogConnection> {
  const catalog = await connectCatalog(postgres.connectionConfig, () => undefined);
  open.add(catalog);
  return catalog;
}

async function close(catalog: CatalogConnection): Promise<void> {
  open.delete(catalog);
  await catalog.close();
}

function newEndpoint(): NewEndpoint {
  made += 1;
  return {
    id: `demo-${made}` as EndpointId,
    database: 'app',
    role: { name: app, verifier },
    idleSuspendAfterMs: undefined,
    allowedNetworks: [],
  };
}

function computeOf(id: EndpointId, generation: number): RunningCompute {
  return {
    endpoint: id,
    generation: generation as Generation,
    address: { kind: 'unix', socketDirectory: `/run/${id}`, port: 5432 },
    identity: { kind: 'clusterName', value: `pgwake/${id}/${generation}` },
  };
}

async function run(catalog: CatalogConnection, id: EndpointId): Promise<RunningCompute> {
  const started = await catalog.beginStart(id);
  if (started?.compute.kind !== 'starting') throw new Error(`${id} did not start`);
  const compute = computeOf(id, started.compute.generation);
  expect(await catalog.completeStart(compute)).toBe(true);
  return compute;
}

describe('connectCatalog', () => {
  it('brings an empty database up to date, also when several instances do it at once', async () => {
    const catalogs = await Promise.all([connect(), connect(), connect()]);
    expect(new Set(catalogs.map((catalog) => catalog.self)).size).toBe(3);
    const secrets = await Promise.all(catalogs.map((catalog) => catalog.mockSecret()));
    expect(new Set(secrets.map((secret) => Buffer.from(secret).toString('hex'))).size).toBe(1);
    expect(secrets[0]).toHaveLength(32);
  });

  it('refuses a database that a newer version has changed', async () => {
    await close(await connect());
    const client = new Client(postgres.connectionConfig);
    await client.connect();
    await client.query(`insert into pgwake.migrations (number, name) values (9999, 'from the future')`);
    await expect(connect()).rejects.toThrow('newer version');
    await client.query('delete from pgwake.migrations where number = 9999');
    await client.end();
  });
});

describe('the life of a compute', () => {
  it('starts once, whoever asks, and counts the generation up', async () => {
    const [one, two] = [await connect(), await connect()];
    const { id } = newEndpointIn(await one.create(newEndpoint()));
    const starts = await Promise.all([one, two, one, two, one, two].map((catalog) => catalog.beginStart(id)));
    const won = starts.filter((start) => start !== undefined);
    expect(won).toHaveLength(1);
    expect(won[0]?.compute).toMatchObject({ kind: 'starting', generation: 1, owner: { lives: true } });
  });

  it('goes through all states, each move once only', async () => {
    const catalog = await connect();
    const { id } = newEndpointIn(await catalog.create(newEndpoint()));
    const compute = await run(catalog, id);
    expect((await catalog.find(id))?.compute).toEqual({
      kind: 'running',
      generation: 1,
      owner: { id: catalog.self, lives: true },
      address: compute.address,
      identity: compute.identity,
    });
    expect(await catalog.completeStart(compute)).toBe(false);
    expect(await catalog.beginSuspend(compute)).toBe(true);
    expect(await catalog.beginSuspend(compute)).toBe(false);
    expect(await catalog.cancelSuspend(compute)).toBe(true);
    expect(await catalog.beginSuspend(compute)).toBe(true);
    expect(await catalog.recordExit(compute, { countsAsFailedStart: true })).toBe(false);
    expect(await catalog.completeSuspend(compute)).toBe(true);
    expect((await catalog.find(id))?.compute).toEqual({ kind: 'suspended', lastGeneration: 1 });
    expect((await run(catalog, id)).generation).toBe(2);
  });

  it('does not let an exit of an old generation touch a new one', async () => {
    const catalog = await connect();
    const { id } = newEndpointIn(await catalog.create(newEndpoint()));
    const first = await run(catalog, id);
    expect(await catalog.recordExit(first, { countsAsFailedStart: false })).toBe(true);
    await run(catalog, id);
    expect(await catalog.recordExit(first, { countsAsFailedStart: false })).toBe(false);
    expect((await catalog.find(id))?.compute).toMatchObject({ kind: 'running', generation: 2 });
  });

  it('counts failed starts in a row until a clean suspend', async () => {
    const catalog = await connect();
    const { id } = newEndpointIn(await catalog.create(newEndpoint()));
    for (const generation of [1, 2]) {
      await catalog.beginStart(id);
      expect(await catalog.failStart(computeOf(id, generation), { countsAsFailedStart: true })).toBe(true);
    }
    expect((await catalog.find(id))?.failedStarts).toMatchObject({ count: 2 });
    const compute = await run(catalog, id);
    await catalog.beginSuspend(compute);
    await catalog.completeSuspend(compute);
    expect((await catalog.find(id))?.failedStarts).toBeUndefined();
  });

  it('lets a living instance take over only from one that is gone', async () => {
    const [one, two] = [await connect(), await connect()];
    const { id } = newEndpointIn(await one.create(newEndpoint()));
    const compute = await run(one, id);
    expect(await two.takeOver(compute)).toBe(false);
    expect(await two.recordGone(compute)).toBe(false);
    await close(one);
    await until(async () => (await two.find(id))?.compute.kind === 'running' && !(await ownerLives(two, id)));
    expect(await two.takeOver(compute)).toBe(true);
    expect((await two.find(id))?.compute).toMatchObject({ kind: 'running', owner: { id: two.self, lives: true } });
  });

  it('tells every instance that a record changed', async () => {
    const [one, two] = [await connect(), await connect()];
    const { id } = newEndpointIn(await one.create(newEndpoint()));
    const heard = new Promise((resolve) => two.onChange((changed) => changed === id && resolve(changed)));
    await one.beginStart(id);
    expect(await heard).toBe(id);
  });

  it('comes back after its connections were cut, as the same owner', async () => {
    const catalog = await connect();
    const { id } = newEndpointIn(await catalog.create(newEndpoint()));
    await run(catalog, id);
    const missed = new Promise<void>((resolve) => catalog.onChange((changed) => changed === undefined && resolve()));
    const client = new Client(postgres.connectionConfig);
    await client.connect();
    const cut = await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'pgwake %'`,
    );
    expect(cut.rowCount).toBeGreaterThanOrEqual(2);
    await missed;
    expect((await catalog.find(id))?.compute).toMatchObject({ owner: { id: catalog.self, lives: true } });
    await client.end();
  });
});

describe('roles', () => {
  it('are pending until they were read back from a compute', async () => {
    const catalog = await connect();
    const { id } = newEndpointIn(await catalog.create(newEndpoint()));
    const extra = 'extra' as RoleName;
    expect(await catalog.storePendingRole(id, { kind: 'set', name: extra, verifier: otherVerifier })).toBe(true);
    expect(await catalog.storePendingRole(id, { kind: 'drop', name: app })).toBe(true);
    expect(await catalog.findAccess(id, extra)).toMatchObject({ verifier: otherVerifier });
    expect((await catalog.findAccess(id, app))?.verifier).toBeUndefined();
    expect(await catalog.roles(id)).toEqual([{ name: 'extra', pending: true }]);

    const started = await catalog.beginStart(id);
    expect(started?.rolesPending).toBe(true);
    expect(await catalog.storePendingRole(id, { kind: 'drop', name: extra })).toBe(false);
    expect(await catalog.pendingRoles(id)).toEqual([
      { kind: 'drop', name: app },
      { kind: 'set', name: extra, verifier: otherVerifier },
    ]);
    expect(await catalog.replaceRoles(computeOf(id, 1), [{ name: extra, verifier }])).toBe(true);
    expect(await catalog.roles(id)).toEqual([{ name: 'extra', pending: false }]);
    expect((await catalog.find(id))?.rolesPending).toBe(false);
  });

  it('are stored for the generation they were applied to only', async () => {
    const catalog = await connect();
    const { id } = newEndpointIn(await catalog.create(newEndpoint()));
    const compute = await run(catalog, id);
    const change = { kind: 'set', name: app, verifier: otherVerifier } as const;
    expect(await catalog.storeAppliedRole({ ...compute, generation: 9 as Generation }, change)).toBe(false);
    expect(await catalog.storeAppliedRole(compute, change)).toBe(true);
    expect((await catalog.findAccess(id, app))?.verifier).toBe(otherVerifier);
  });
});

describe('endpoints', () => {
  it('have one name each, and can be changed', async () => {
    const catalog = await connect();
    const endpoint = newEndpoint();
    expect(await catalog.create(endpoint)).toMatchObject({ compute: { kind: 'suspended', lastGeneration: undefined } });
    expect(await catalog.create(endpoint)).toBeUndefined();
    expect(await catalog.change(endpoint.id, { idleSuspendAfterMs: millis(5_000) })).toMatchObject({
      idleSuspendAfterMs: 5_000,
      availability: 'open',
    });
    expect(await catalog.change(endpoint.id, { availability: 'disabled' })).toMatchObject({
      idleSuspendAfterMs: 5_000,
    });
    expect(await catalog.beginStart(endpoint.id)).toBeUndefined();
    expect(await catalog.change(endpoint.id, { idleSuspendAfterMs: null, availability: 'open' })).toMatchObject({
      idleSuspendAfterMs: undefined,
    });
    expect((await catalog.list()).map((record) => record.id)).toContain(endpoint.id);
  });

  it('keep the networks that they allow until others are given', async () => {
    const catalog = await connect();
    const { id } = newEndpointIn(await catalog.create({ ...newEndpoint(), allowedNetworks: ['10.0.0.0/8'] }));
    expect(await catalog.change(id, { availability: 'open' })).toMatchObject({ allowedNetworks: ['10.0.0.0/8'] });
    await catalog.change(id, { allowedNetworks: ['192.0.2.1', 'fd00::/8'] });
    expect((await catalog.findAccess(id, app))?.allowedNetworks).toEqual(['192.0.2.1', 'fd00::/8']);
    expect(await catalog.change(id, { allowedNetworks: [] })).toMatchObject({ allowedNetworks: [] });
  });

  it('go on counting generations when one is deleted and made again', async () => {
    const catalog = await connect();
    const endpoint = newEndpoint();
    await catalog.create(endpoint);
    const compute = await run(catalog, endpoint.id);
    expect(await catalog.beginDelete(endpoint.id)).toBe(true);
    expect(await catalog.completeDelete(endpoint.id)).toBe(false);
    await catalog.beginSuspend(compute);
    await catalog.completeSuspend(compute);
    expect(await catalog.completeDelete(endpoint.id)).toBe(true);
    expect(await catalog.find(endpoint.id)).toBeUndefined();
    await catalog.create(endpoint);
    expect((await run(catalog, endpoint.id)).generation).toBe(2);
  });

  it('remember their starts, the latest first', async () => {
    const catalog = await connect();
    const { id } = newEndpointIn(await catalog.create(newEndpoint()));
    const entry = { endpoint: id, reason: 'admin', outcome: 'started', totalMs: 50.5, phases: { spawn: 40 } } as const;
    await catalog.recordWake({ ...entry, generation: 1 as Generation, detail: undefined });
    await catalog.recordWake({ ...entry, generation: 2 as Generation, outcome: 'failed', detail: 'no space left' });
    expect(await catalog.wakes(id, 10)).toMatchObject([
      { generation: 2, outcome: 'failed', detail: 'no space left', phases: { spawn: 40 } },
      { generation: 1, outcome: 'started', detail: undefined, totalMs: 50.5 },
    ]);
    expect(await catalog.wakes(id, 1)).toHaveLength(1);
  });
});

async function ownerLives(catalog: CatalogConnection, id: EndpointId): Promise<boolean> {
  const compute = (await catalog.find(id))?.compute;
  return compute !== undefined && compute.kind !== 'suspended' && compute.owner.lives;
}

/** For what another process does in its own time. Jest's own limit ends it. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

function newEndpointIn<T>(created: T | undefined): T {
  if (created === undefined) throw new Error('the name was taken');
  return created;
}
