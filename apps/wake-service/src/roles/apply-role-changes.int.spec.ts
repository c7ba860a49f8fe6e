import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deriveVerifier } from '@pgwake/client-auth';
import type { RoleName } from '@pgwake/ids';
import { createLogger } from '@pgwake/telemetry';
import { startTestPostgres } from '@pgwake/testkit';
import type { RoleChange } from '@pgwake/wake-core';
import { Client } from 'pg';
import { applyPendingRoles, applyRoleChange } from './apply-role-changes.js';

const log = createLogger({ app: 'wake-service', level: 'silent' });

let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
let admin: Client;

beforeAll(async () => {
  postgres = await startTestPostgres();
  admin = new Client(postgres.connectionConfig);
  await admin.connect();
});
afterAll(async () => {
  await admin?.end();
  await postgres?.stop();
});

const name = (text: string) => text as RoleName;
const set = async (role: string, password: string): Promise<RoleChange> => ({
  kind: 'set',
  name: name(role),
  verifier: await deriveVerifier(password),
});

async function owners(): Promise<Record<string, string>> {
  const { rows } = await admin.query<{ datname: string; owner: string }>(
    `select datname, pg_get_userbyid(datdba) as owner from pg_database where not datistemplate`,
  );
  return Object.fromEntries(rows.map((row) => [row.datname, row.owner]));
}

async function canLogin(user: string, password: string, database: string): Promise<boolean> {
  const client = new Client({ ...postgres.connectionConfig, user, password, database });
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

describe('applyPendingRoles', () => {
  it('makes roles of any name, from verifiers alone, and the database for its owner', async () => {
    const strange = `we"ird 'röle`;
    const roles = await applyPendingRoles(
      postgres.connectionConfig,
      [await set(strange, 'one'), await set('owner_one', 'two')],
      { database: 'shop "one"', databaseOwner: name(strange) },
      log,
    );
    expect(roles.map((role) => role.name).sort()).toEqual(['owner_one', strange]);
    expect(await owners()).toMatchObject({ 'shop "one"': strange });
    expect(await canLogin(strange, 'one', 'shop "one"')).toBe(true);
    expect(await canLogin('owner_one', 'two', 'shop "one"')).toBe(true);
  });

  it('takes the spare database where there is one', async () => {
    await admin.query('create database pgwake_spare');
    const { rows } = await admin.query<{ oid: number }>(`select oid from pg_database where datname = 'pgwake_spare'`);
    const endpoint = { database: 'shop_two', databaseOwner: name('owner_two') };
    await applyPendingRoles(postgres.connectionConfig, [await set('owner_two', 'x')], endpoint, log);
    const after = await admin.query<{ oid: number }>(`select oid from pg_database where datname = 'shop_two'`);
    expect(after.rows).toEqual(rows);
    expect(await owners()).toMatchObject({ shop_two: 'owner_two' });
    expect(await owners()).not.toHaveProperty('pgwake_spare');
  });

  it('gives a database of the service to the owner, but takes none from anybody else', async () => {
    const change = await set('owner_three', 'x');
    const endpoint = { database: 'postgres', databaseOwner: name('owner_three') };
    await applyPendingRoles(postgres.connectionConfig, [change], endpoint, log);
    expect(await owners()).toMatchObject({ postgres: 'owner_three' });
    const other = { database: 'postgres', databaseOwner: name('owner_four') };
    await applyPendingRoles(postgres.connectionConfig, [await set('owner_four', 'x')], other, log);
    expect(await owners()).toMatchObject({ postgres: 'owner_three' });
  });

  it('leaves out what Postgres refuses, and what is reserved', async () => {
    const endpoint = { database: 'none', databaseOwner: name('nobody') };
    const changes = [await set('pg_no', 'x'), await set('pgwake', 'x'), await set('fine', 'x')];
    const refused: RoleChange = { kind: 'set', name: name('refused'), verifier: 'no\0verifier' };
    const roles = await applyPendingRoles(postgres.connectionConfig, [...changes], endpoint, log);
    expect(roles.map((role) => role.name)).toEqual(expect.arrayContaining(['fine']));
    expect(roles.map((role) => role.name)).not.toContain('pg_no');
    await expect(applyRoleChange(postgres.connectionConfig, refused, endpoint)).rejects.toThrow();
    expect(await canLogin('pgwake', postgres.password, 'postgres')).toBe(true);
  });
});

describe('applyRoleChange', () => {
  it('drops a role, or takes its login away when it owns something; again changes nothing', async () => {
    const endpoint = { database: 'shop_five', databaseOwner: name('owner_five') };
    await applyRoleChange(postgres.connectionConfig, await set('owner_five', 'x'), endpoint);
    await applyRoleChange(postgres.connectionConfig, await set('plain', 'x'), endpoint);
    for (const role of ['owner_five', 'plain', 'plain']) {
      await applyRoleChange(postgres.connectionConfig, { kind: 'drop', name: name(role) }, endpoint);
    }
    const { rows } = await admin.query(
      `select rolname, rolcanlogin, rolpassword from pg_authid where rolname in ('owner_five', 'plain')`,
    );
    expect(rows).toEqual([{ rolname: 'owner_five', rolcanlogin: false, rolpassword: null }]);
    await applyRoleChange(postgres.connectionConfig, await set('owner_five', 'again'), endpoint);
    expect(await canLogin('owner_five', 'again', 'shop_five')).toBe(true);
  });
});
