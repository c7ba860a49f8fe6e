import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { startTestPostgres, type TestPostgres } from './postgres.js';

let running: TestPostgres[] = [];
afterEach(async () => {
  await Promise.all(running.map((postgres) => postgres.stop()));
  running = [];
});

async function ask(config: pg.ClientConfig, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(config);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('startTestPostgres', () => {
  it('answers over TCP and over the unix socket, and is gone after stop', async () => {
    const postgres = await startTestPostgres({ settings: { cluster_name: 'pgwake/demo/7' } });
    running.push(postgres);
    expect(await ask(postgres.connectionConfig, 'SHOW cluster_name')).toEqual([{ cluster_name: 'pgwake/demo/7' }]);
    const overSocket = { ...postgres.connectionConfig, host: postgres.socketDirectory };
    expect(await ask(overSocket, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await postgres.stop();
    expect(existsSync(postgres.socketDirectory)).toBe(false);
    expect(() => process.kill(postgres.pid, 0)).toThrow('ESRCH');
  });

  it('makes roles with databases of their own, whatever is in their names, and two servers at once', async () => {
    const roles = [{ name: `o'dd "one"`, password: `it's`, attributes: 'CREATEDB' }];
    running = await Promise.all([startTestPostgres({ roles }), startTestPostgres()]);
    for (const [index, postgres] of running.entries()) {
      const role = { ...postgres.connectionConfig, user: `o'dd "one"`, password: `it's`, database: `o'dd "one"` };
      const login = ask(role, 'SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user');
      if (index === 0) expect(await login).toEqual([{ rolsuper: false, rolcreatedb: true }]);
      else await expect(login).rejects.toMatchObject({ code: '28P01' });
    }
  });
});
