// What the end-to-end specs do as clients, and what they look up behind the gateway's back.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { identifyProcess, placeOf, prepareHome, serviceRole } from '@pgwake/compute-process';
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

/** The service role, past the gateway, in a compute that runs: for what no client of the gateway may do. */
export async function connectAsSuperuser(system: System, { endpoint, database }: TestEndpoint): Promise<pg.Client> {
  const { servicePassword: password } = await prepareHome({ dataDir: system.dataDir });
  const host = await socketDirectoryOf(system, endpoint);
  const client = new pg.Client({ host, user: serviceRole, password, database });
  await client.connect();
  return client;
}

/** Where the endpoint's compute listens, for whoever wants to talk to it past the gateway. */
export async function socketDirectoryOf(system: System, endpoint: string): Promise<string> {
  const { root } = await prepareHome({ dataDir: system.dataDir });
  return placeOf(join(root, 'computes', endpoint)).socketDirectory;
}

/** A zombie that nobody has reaped yet is dead. */
export function isAlive(pid: number): boolean {
  return identifyProcess(pid) !== undefined;
}
