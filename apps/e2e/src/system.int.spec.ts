// The built apps as processes, with a real driver in front and real computes behind. What every driver does: drivers/.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { System, waitFor } from '@pgwake/testkit';
import { connect, isAlive, postmasterOf, query } from './clients.js';

let system: System;

beforeAll(async () => {
  system = await System.start();
}, 120_000);
afterAll(() => system?.stop(), 60_000);

describe('a sleeping endpoint', () => {
  it('starts exactly once for 100 clients at once, and fails none of them', async () => {
    const endpoint = await system.createEndpoint('crowd');
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) => query<{ n: number }>(system, endpoint, `select ${n} as n`)),
    );
    expect(answers.map(([row]) => row?.n)).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(await system.show('crowd')).toMatchObject({ generation: 1 });
    expect(await system.admin('GET', '/endpoints/crowd/wakes')).toHaveLength(1);
  }, 60_000);

  it('starts for nobody with a wrong password, an unknown role, or a cancel request', async () => {
    const endpoint = await system.createEndpoint('guarded');
    await expect(connect(system, endpoint, { password: 'wrong' })).rejects.toMatchObject({ code: '28P01' });
    await expect(connect(system, endpoint, { user: 'nobody' })).rejects.toMatchObject({ code: '28P01' });
    await expect(connect(system, endpoint, { options: 'endpoint=unknown' })).rejects.toMatchObject({ code: '28P01' });
    await expect(connect(system, endpoint, { user: 'pgwake' })).rejects.toMatchObject({ code: '28P01' });
    expect(await system.show('guarded')).toMatchObject({ state: 'suspended', generation: 0 });
  });
});

describe('an idle compute', () => {
  it('goes to sleep although a client holds a connection, and the next client wakes it', async () => {
    const endpoint = await system.createEndpoint('sleepy', { idleSuspendAfterMs: 1_500 });
    const holder = await connect(system, endpoint);
    const told = new Promise<unknown>((resolve) => holder.once('error', resolve));
    const pid = await postmasterOf(system, endpoint);
    expect(isAlive(pid)).toBe(true);
    await waitFor(() => !isAlive(pid), 20_000);
    expect(await told).toMatchObject({ code: '57P01' });
    await waitFor(async () => (await system.show('sleepy')).state === 'suspended', 5_000);
    expect(await query(system, endpoint, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(await system.show('sleepy')).toMatchObject({ generation: 2 });
  }, 40_000);
});

describe('a compute that is killed', () => {
  it('is started anew for the next client, whose cached address is wrong', async () => {
    const endpoint = await system.createEndpoint('killed');
    const pid = await postmasterOf(system, endpoint);
    process.kill(pid, 'SIGKILL');
    await waitFor(() => !isAlive(pid), 5_000);
    expect(await query(system, endpoint, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(await system.show('killed')).toMatchObject({ generation: 2 });
    expect(system.logOf('tcp-proxy')).toContain('evicted generation 1');
  }, 30_000);
});

describe('roles', () => {
  it('may be changed in SQL while the compute runs: the next login knows, and so does the one after the next sleep', async () => {
    const endpoint = await system.createEndpoint('roles');
    await query(system, endpoint, `create role "Second" login password 'first'`);
    await query(system, { ...endpoint, role: 'Second', password: 'first' }, 'select 1');
    await query(system, endpoint, `alter role "Second" password 'second'`);
    const second = { ...endpoint, role: 'Second', password: 'second' };
    await query(system, second, 'select 1');
    await expect(connect(system, { ...second, password: 'first' })).rejects.toMatchObject({ code: '28P01' });
    await system.admin('POST', '/endpoints/roles/suspend');
    expect(await query(system, second, 'select current_user::text as who')).toEqual([{ who: 'Second' }]);
  });

  it('set through the admin API while the compute sleeps work at once and reach the compute', async () => {
    const endpoint = await system.createEndpoint('admin-roles');
    await system.admin('PUT', '/endpoints/admin-roles/roles/late', { password: 'set while asleep' });
    expect(await system.show('admin-roles')).toMatchObject({ state: 'suspended' });
    const late = { ...endpoint, role: 'late', password: 'set while asleep' };
    const [row] = await query(
      system,
      late,
      'select current_user::text as who, rolsuper from pg_roles where rolname = current_user',
    );
    expect(row).toEqual({ who: 'late', rolsuper: false });
  });
});

describe('kill -9', () => {
  it('of wake-service loses no compute: the next instance adopts it, and sessions go on', async () => {
    const endpoint = await system.createEndpoint('adopted');
    const session = await connect(system, endpoint);
    const pid = await postmasterOf(system, endpoint);
    await system.endApp('wake-service', 'SIGKILL');
    expect((await session.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await system.startApp('wake-service');
    expect(await system.show('adopted')).toMatchObject({ state: 'running', generation: 1 });
    expect(await postmasterOf(system, endpoint)).toBe(pid);
    expect((await session.query('select 2 as two')).rows).toEqual([{ two: 2 }]);
    await session.end();
  }, 60_000);

  it('of wake-service in the middle of a wake ends with one compute that was started once, and the client is served', async () => {
    const endpoint = await system.createEndpoint('interrupted');
    const waiting = query(system, endpoint, 'select 1 as one');
    await waitFor(async () => (await system.show('interrupted')).state !== 'suspended', 5_000);
    await system.endApp('wake-service', 'SIGKILL');
    await system.startApp('wake-service');
    expect(await waiting).toEqual([{ one: 1 }]);
    expect(await query(system, endpoint, 'select 2 as two')).toEqual([{ two: 2 }]);
    const [log] = globSync('**/interrupted/postgres.log', { cwd: system.dataDir });
    expect(readFileSync(join(system.dataDir, log ?? ''), 'utf8').match(/starting PostgreSQL/g)).toHaveLength(1);
  }, 60_000);
});

describe('SIGTERM', () => {
  it('lets a transaction finish and then ends the session with 57P01', async () => {
    const endpoint = await system.createEndpoint('drained');
    const client = await connect(system, endpoint);
    await client.query('begin');
    const ended = system.endApp('tcp-proxy', 'SIGTERM');
    await expect(waitFor(async () => !(await connects(endpoint)), 5_000)).resolves.toBeUndefined();
    const told = new Promise<unknown>((resolve) => client.once('error', resolve));
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await client.query('commit');
    expect(await told).toMatchObject({ code: '57P01' });
    await ended;
    await system.startApp('tcp-proxy');
  }, 40_000);

  async function connects(endpoint: Parameters<typeof connect>[1]): Promise<boolean> {
    try {
      await (await connect(system, endpoint)).end();
      return true;
    } catch {
      return false;
    }
  }
});

// Last, so that it sees what all the others made the apps say.
describe('the logs', () => {
  it('hold no password, no verifier and no SQL', async () => {
    const endpoint = await system.createEndpoint('canary');
    const countRefused = () => system.logOf('tcp-proxy').split('"msg":"session refused"').length;
    const refusedBefore = countRefused();
    await query(system, endpoint, "select 'canary-in-the-sql'");
    await expect(query(system, endpoint, "select 'canary-in-a-wrong-query' from nowhere")).rejects.toThrow();
    await expect(connect(system, endpoint, { password: 'canary-in-a-wrong-password' })).rejects.toThrow();
    // Lines are written several at once, a little late; this one is the last.
    await waitFor(() => countRefused() > refusedBefore, 5_000);
    for (const app of ['tcp-proxy', 'wake-service'] as const) {
      await waitFor(() => system.logOf(app).includes('"endpoint":"canary"'), 5_000);
      const log = system.logOf(app);
      expect(log).not.toMatch(/canary-in|pw-canary|SCRAM-SHA-256\$/);
    }
  });
});
