// The verifiers of an endpoint's roles. While a compute sleeps this is where a password is checked and changed; while it
// runs this is a copy of what its own pg_authid says.

import type { RoleName } from '@pgwake/ids';
import type { Catalog, RoleChange } from '@pgwake/wake-core';
import type { Pool, PoolClient } from 'pg';
import { type AccessRow, accessColumns, toAccess } from './access-row.js';
import { inTransaction } from './transaction.js';

type Roles = Pick<
  Catalog,
  'findAccess' | 'roles' | 'pendingRoles' | 'storePendingRole' | 'storeAppliedRole' | 'replaceRoles'
>;

export function createRoles(pool: Pool): Roles {
  return {
    async findAccess(id, role) {
      const { rows } = await pool.query<AccessRow>({
        name: 'find-access',
        text: `select ${accessColumns}
               from pgwake.endpoints e left join pgwake.roles r on r.endpoint = e.id and r.name = $2
               where e.id = $1`,
        values: [id, role],
      });
      return rows[0] && toAccess(id, rows[0]);
    },

    async roles(id) {
      const { rows } = await pool.query<{ name: RoleName; pending: boolean }>(
        'select name, pending from pgwake.roles where endpoint = $1 and verifier is not null order by name',
        [id],
      );
      return rows;
    },

    async pendingRoles(id) {
      const { rows } = await pool.query<{ name: RoleName; verifier: string | null }>({
        name: 'pending-roles',
        text: 'select name, verifier from pgwake.roles where endpoint = $1 and pending order by name',
        values: [id],
      });
      return rows.map(({ name, verifier }): RoleChange =>
        verifier === null ? { kind: 'drop', name } : { kind: 'set', name, verifier },
      );
    },

    storePendingRole: (id, change) =>
      inTransaction(pool, async (client) => {
        const { rowCount } = await client.query(
          `update pgwake.endpoints set roles_pending = true
           where id = $1 and state = 'suspended' and availability <> 'deleting'`,
          [id],
        );
        if (rowCount !== 1) return false;
        await upsertRole(client, id, change, { pending: true });
        return true;
      }),

    storeAppliedRole: (ref, change) =>
      inTransaction(pool, async (client) => {
        const { rowCount } = await client.query(
          `select from pgwake.endpoints where id = $1 and generation = $2 and state = 'running' for update`,
          [ref.endpoint, ref.generation],
        );
        if (rowCount !== 1) return false;
        if (change.kind === 'set') await upsertRole(client, ref.endpoint, change, { pending: false });
        else {
          await client.query('delete from pgwake.roles where endpoint = $1 and name = $2', [ref.endpoint, change.name]);
        }
        return true;
      }),

    replaceRoles: (ref, roles) =>
      inTransaction(pool, async (client) => {
        const { rowCount } = await client.query(
          `update pgwake.endpoints set roles_pending = false
           where id = $1 and generation = $2 and state <> 'suspended'`,
          [ref.endpoint, ref.generation],
        );
        if (rowCount !== 1) return false;
        await client.query('delete from pgwake.roles where endpoint = $1', [ref.endpoint]);
        await client.query(
          `insert into pgwake.roles (endpoint, name, verifier, pending)
           select $1, name, verifier, false from unnest($2::text[], $3::text[]) as t (name, verifier)`,
          [ref.endpoint, roles.map((role) => role.name), roles.map((role) => role.verifier)],
        );
        return true;
      }),
  };
}

async function upsertRole(
  client: PoolClient,
  endpoint: string,
  change: RoleChange,
  { pending }: { readonly pending: boolean },
): Promise<void> {
  await client.query(
    `insert into pgwake.roles (endpoint, name, verifier, pending) values ($1, $2, $3, $4)
     on conflict (endpoint, name) do update set verifier = excluded.verifier, pending = excluded.pending`,
    [endpoint, change.name, change.kind === 'set' ? change.verifier : null, pending],
  );
}
