// The catalog in Postgres. Puts the parts together; says nothing about what they do.

import { randomBytes } from 'node:crypto';
import type { Catalog } from '@pgwake/wake-core';
import { Client, type ClientConfig, Pool } from 'pg';
import { createEndpoints } from './endpoints.js';
import { createLife } from './life.js';
import { migrate } from './migrate.js';
import { becomePresent } from './presence.js';
import { createRoles } from './roles.js';
import { createTokenLogins } from './token-logins.js';
import { createWakeHistory } from './wake-history.js';

export interface CatalogConnection extends Catalog {
  close(): Promise<void>;
}

const poolSize = 10;
const connectWithinMs = 5_000;
const answerWithinMs = 10_000;

/**
 * Connects, brings the schema up to date and takes a number as owner. Rejects with the error of `pg` when any of that
 * fails. `onIdleError` hears of pooled connections that broke while nobody used them; they are made again when needed.
 */
export async function connectCatalog(
  config: ClientConfig,
  onIdleError: (error: Error) => void,
): Promise<CatalogConnection> {
  await migrateOnce(config);
  const presence = await becomePresent(config);
  const pool = new Pool({
    ...config,
    application_name: 'pgwake catalog',
    max: poolSize,
    // Kept: a wake that had to connect first would pay for it.
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: connectWithinMs,
    query_timeout: answerWithinMs,
    keepAlive: true,
  });
  pool.on('error', onIdleError);

  return {
    self: presence.self,
    ...createEndpoints(pool),
    ...createLife(pool, presence.self),
    ...createRoles(pool),
    ...createTokenLogins(pool),
    ...createWakeHistory(pool),
    mockSecret: () => mockSecret(pool),
    ping: async () => void (await pool.query('select 1')),
    onChange: (listener) => presence.onChange(listener),
    async close() {
      await pool.end();
      await presence.close();
    },
  };
}

async function migrateOnce(config: ClientConfig): Promise<void> {
  const client = new Client({ ...config, connectionTimeoutMillis: connectWithinMs });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await migrate(client);
  } finally {
    await client.end();
  }
}

async function mockSecret(pool: Pool): Promise<Uint8Array> {
  await pool.query(`insert into pgwake.secrets (name, value) values ('mock', $1) on conflict (name) do nothing`, [
    randomBytes(32),
  ]);
  const { rows } = await pool.query<{ value: Buffer }>(`select value from pgwake.secrets where name = 'mock'`);
  const value = rows[0]?.value;
  if (!value) throw new Error('the catalog does not hold the secret it was just given');
  return value;
}
