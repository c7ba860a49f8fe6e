// Brings the schema `pgwake` of a catalog database up to date: numbered files, in order, each exactly once, all or
// nothing. Refuses a database that a newer version has already changed.

import { readFile, readdir } from 'node:fs/promises';
import type { Client, PoolClient } from 'pg';

const migrationsUrl = new URL('../migrations/', import.meta.url);
/** Any number does, as long as all versions of pgwake use the same. */
const migrationLock = 1_885_824_874;

interface Migration {
  readonly number: number;
  readonly name: string;
}

/** Instances that start together take turns. Rejects with Postgres' own error when a migration does not go through. */
export async function migrate(client: Client | PoolClient): Promise<void> {
  const known = await listMigrations();
  await client.query('begin');
  try {
    await client.query('select pg_advisory_xact_lock($1)', [migrationLock]);
    for (const migration of missing(known, await appliedNumbers(client))) {
      await client.query(await readFile(new URL(`${migration.name}.sql`, migrationsUrl), 'utf8'));
      await client.query('insert into pgwake.migrations (number, name) values ($1, $2)', [
        migration.number,
        migration.name,
      ]);
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function listMigrations(): Promise<readonly Migration[]> {
  const files = await readdir(migrationsUrl);
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => ({ number: Number.parseInt(file, 10), name: file.slice(0, -'.sql'.length) }))
    .sort((a, b) => a.number - b.number);
}

async function appliedNumbers(client: Client | PoolClient): Promise<ReadonlySet<number>> {
  // Looked up first: `create schema if not exists` needs the right to create one even where there is nothing to create.
  const { rows } = await client.query<{ present: boolean }>(
    `select to_regclass('pgwake.migrations') is not null as present`,
  );
  if (!rows[0]?.present) {
    await client.query('create schema if not exists pgwake');
    await client.query(`create table pgwake.migrations (
      number integer primary key, name text not null, applied_at timestamptz not null default clock_timestamp())`);
    return new Set();
  }
  const applied = await client.query<{ number: number }>('select number from pgwake.migrations');
  return new Set(applied.rows.map((row) => row.number));
}

function missing(known: readonly Migration[], applied: ReadonlySet<number>): readonly Migration[] {
  const newest = known.at(-1)?.number ?? 0;
  const unknown = [...applied].filter((number) => number > newest);
  if (unknown.length > 0) {
    throw new Error(`the catalog was changed by a newer version of pgwake (migration ${Math.max(...unknown)})`);
  }
  return known.filter((migration) => !applied.has(migration.number));
}
