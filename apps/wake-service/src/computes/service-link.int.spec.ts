import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { RoleName } from '@pgwake/ids';
import { startTestPostgres, waitFor } from '@pgwake/testkit';
import { happenedBetween, isActive } from '@pgwake/wake-core';
import { Client } from 'pg';
import { ServiceLink } from './service-link.js';

let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
let link: ServiceLink;
let lost: number;
const clients: Client[] = [];

beforeAll(async () => {
  const settings = { max_prepared_transactions: '2' };
  postgres = await startTestPostgres({ roles: [{ name: 'app', password: 'secret' }], settings });
});
beforeEach(() => {
  lost = 0;
  link = new ServiceLink({ ...postgres.connectionConfig, database: 'pgwake' }, () => (lost += 1));
});
afterEach(async () => {
  await link.close();
  await Promise.all(clients.splice(0).map((client) => client.end()));
});
afterAll(async () => {
  await postgres?.stop();
});

async function login(): Promise<Client> {
  const client = new Client({ ...postgres.connectionConfig, user: 'app', password: 'secret', database: 'app' });
  client.on('error', () => undefined);
  await client.connect();
  clients.push(client);
  return client;
}

describe('sampleActivity', () => {
  it('does not count itself, however often it looks', async () => {
    const first = await link.sampleActivity();
    await link.readRoles();
    const second = await link.sampleActivity();
    expect(isActive(second)).toBe(false);
    expect(happenedBetween(first, second)).toBe(false);
  });

  it('tells an idle connection from one in a transaction', async () => {
    const client = await login();
    await client.query('select 1');
    expect(await link.sampleActivity()).toMatchObject({ busyBackends: 0, lastStateChangeAgoMs: expect.any(Number) });
    await client.query('begin');
    expect(await link.sampleActivity()).toMatchObject({ busyBackends: 1 });
    await client.query('select nonsense').catch(() => undefined);
    expect(await link.sampleActivity()).toMatchObject({ busyBackends: 1 });
    await client.query('rollback');
    expect(await link.sampleActivity()).toMatchObject({ busyBackends: 0 });
  });

  it('sees a session that came and went between two looks', async () => {
    const first = await link.sampleActivity();
    await (await login()).end();
    clients.length = 0;
    await waitFor(async () => happenedBetween(first, await link.sampleActivity()), 5_000);
  });

  it('is held up by a prepared transaction that nobody is connected for', async () => {
    const client = await login();
    await client.query(`begin; create table held (id int); prepare transaction 'held'`);
    expect(await link.sampleActivity()).toMatchObject({ busyBackends: 0, holds: 1 });
    await client.query(`rollback prepared 'held'`);
    expect(await link.sampleActivity()).toMatchObject({ holds: 0 });
  });
});

describe('a link', () => {
  it('reads what is true now, and not its own role', async () => {
    expect((await link.readRoles()).map((role) => role.name)).toEqual(['app']);
    const before = await link.verifierOf('app' as RoleName);
    expect(before).toMatch(/^SCRAM-SHA-256\$/);
    await (await login()).query(`alter role app password 'secret'`);
    expect(await link.verifierOf('app' as RoleName)).not.toBe(before);
    expect(await link.verifierOf('nobody' as RoleName)).toBeUndefined();
  });

  it('says when it was lost, and is made again at the next use', async () => {
    await link.readRoles();
    const admin = new Client(postgres.connectionConfig);
    await admin.connect();
    const cut = await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = 'pgwake'`);
    expect(cut.rowCount).toBe(1);
    await admin.end();
    await waitFor(() => lost === 1, 5_000);
    expect(await link.readRoles()).toHaveLength(1);
    await link.close();
    await expect(link.readRoles()).rejects.toThrow('closed');
    expect(lost).toBe(1);
  });
});
