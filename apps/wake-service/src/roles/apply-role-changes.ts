// Makes the roles of a compute what the admin API said. Passwords arrive as verifiers, so Postgres never sees one.

import type { RoleName } from '@pgwake/ids';
import { type Logger, errorKeys } from '@pgwake/telemetry';
import {
  type EndpointRecord,
  type RoleChange,
  type RoleVerifier,
  type ServiceAccess,
  isReservedRole,
  serviceRoleName,
  spareDatabaseName,
} from '@pgwake/wake-core';
import { type Client, DatabaseError, escapeIdentifier, escapeLiteral } from 'pg';
import { connectAsService } from '../computes/service-connection.js';
import { allRoles } from './role-queries.js';

/** A role change waits for locks of others; copying the template of a new database takes its time. */
const answerWithinMs = 15_000;
const dependentObjectsStillExist = '2BP01';

/** The database that comes with an endpoint, and who owns it. */
export type EndpointDatabase = Pick<EndpointRecord, 'database' | 'databaseOwner'>;

/**
 * Applies one change. Rejects with the error of `pg` for what Postgres refuses, with a GatewayError when the compute cannot
 * be reached. Doing it again changes nothing.
 */
export async function applyRoleChange(
  access: ServiceAccess,
  change: RoleChange,
  endpoint: EndpointDatabase,
): Promise<void> {
  const client = await connectAsService(access, { answerWithinMs });
  try {
    await apply(client, change, endpoint);
  } finally {
    await client.end();
  }
}

/**
 * Applies what was said while the compute slept, and resolves with all roles there are then. What Postgres refuses is
 * logged and left out: one broken role must not keep everybody else from the database. Rejects only when the compute
 * cannot be reached.
 */
export async function applyPendingRoles(
  access: ServiceAccess,
  changes: readonly RoleChange[],
  endpoint: EndpointDatabase,
  log: Logger,
): Promise<readonly RoleVerifier[]> {
  const client = await connectAsService(access, { answerWithinMs });
  try {
    for (const change of changes) {
      await apply(client, change, endpoint).catch((error: unknown) => {
        if (!(error instanceof DatabaseError)) throw error;
        log.error({ role: change.name, ...errorKeys(error) }, 'Postgres refused a role change');
      });
    }
    return (await client.query<RoleVerifier>(allRoles)).rows;
  } finally {
    await client.end();
  }
}

async function apply(client: Client, change: RoleChange, endpoint: EndpointDatabase): Promise<void> {
  if (isReservedRole(change.name)) return;
  if (change.kind === 'drop') return dropRole(client, change.name);
  await setRole(client, change.name, change.verifier);
  if (change.name === endpoint.databaseOwner) await ensureDatabase(client, endpoint);
}

async function setRole(client: Client, name: RoleName, verifier: string): Promise<void> {
  const role = escapeIdentifier(name);
  const password = escapeLiteral(verifier);
  const { rowCount } = await client.query('select from pg_catalog.pg_roles where rolname = $1', [name]);
  await client.query(
    rowCount === 0
      ? `create role ${role} login createdb createrole password ${password}`
      : `alter role ${role} login password ${password}`,
  );
}

/** A role that owns something cannot be dropped; it loses its password and its right to log in. */
async function dropRole(client: Client, name: RoleName): Promise<void> {
  const role = escapeIdentifier(name);
  try {
    await client.query(`drop role if exists ${role}`);
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== dependentObjectsStillExist) throw error;
    await client.query(`alter role ${role} nologin password null`);
  }
}

async function ensureDatabase(client: Client, { database, databaseOwner }: EndpointDatabase): Promise<void> {
  const { rows } = await client.query<{ name: string; owner: string }>(
    `select datname as name, pg_catalog.pg_get_userbyid(datdba) as owner
     from pg_catalog.pg_database where datname in ($1, $2)`,
    [database, spareDatabaseName],
  );
  const existing = rows.find((row) => row.name === database);
  const [name, owner] = [escapeIdentifier(database), escapeIdentifier(databaseOwner)];
  if (existing && existing.owner !== serviceRoleName) return;
  if (!existing && rows.length === 0) {
    await client.query(`create database ${name} owner ${owner}`);
    return;
  }
  if (!existing) await client.query(`alter database ${spareDatabaseName} rename to ${name}`);
  await client.query(`alter database ${name} owner to ${owner}`);
}
