// What the end-to-end specs do as clients, and what they look up behind the gateway's back.

import { execFileSync } from 'node:child_process';
import { identifyProcess } from '@pgwake/compute-process';
import type { System, TestEndpoint } from '@pgwake/testkit';
import pg from 'pg';

/** Connects, runs one statement, leaves. */
export async function query<Row extends pg.QueryResultRow>(
  system: System,
  endpoint: TestEndpoint,
  sql: string,
): Promise<Row[]> {
  const client = await connect(system, endpoint);
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

export async function connect(
  system: System,
  endpoint: TestEndpoint,
  config: pg.ClientConfig = {},
): Promise<pg.Client> {
  const client = new pg.Client({ ...system.connectionConfig(endpoint), ...config });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** The process id of the endpoint's postmaster: the parent of whatever backend serves us. */
export async function postmasterOf(system: System, endpoint: TestEndpoint): Promise<number> {
  const client = await connect(system, endpoint);
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    return Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(rows[0]?.pid)], { encoding: 'utf8' }));
  } finally {
    await client.end();
  }
}

/** A zombie that nobody has reaped yet is dead. */
export function isAlive(pid: number): boolean {
  return identifyProcess(pid) !== undefined;
}
