import { describe, expect, it } from '@jest/globals';
import { startTestPostgres } from '@pgwake/testkit';
import { Client, Pool } from 'pg';
import { isCatalogUnavailable } from './index.js';

const failureOf = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('isCatalogUnavailable', () => {
  it('knows the many ways in which a Postgres is not there, and tells them from our own mistakes', async () => {
    const postgres = await startTestPostgres();
    const pool = new Pool({ ...postgres.connectionConfig, max: 1, connectionTimeoutMillis: 50 });
    pool.on('error', () => undefined);
    const client = new Client({ ...postgres.connectionConfig, query_timeout: 50 });
    client.on('error', () => undefined);
    await client.connect();

    expect(isCatalogUnavailable(await failureOf(client.query('select from nowhere')))).toBe(false);
    expect(isCatalogUnavailable(await failureOf(client.query('select pg_sleep(5)')))).toBe(true);
    const held = await pool.connect();
    held.on('error', () => undefined);
    expect(isCatalogUnavailable(await failureOf(pool.connect()))).toBe(true);
    const cut = failureOf(held.query('select pg_sleep(5)'));
    await postgres.stop();
    expect(isCatalogUnavailable(await cut)).toBe(true);
    held.release(true);

    expect(isCatalogUnavailable(await failureOf(pool.query('select 1')))).toBe(true);
    expect(isCatalogUnavailable(new TypeError('a mistake'))).toBe(false);
    await pool.end();
  });
});
