// The rows of endpoints as such: making, reading, changing and removing them. What moves a compute is in life.ts.

import type { EndpointId } from '@pgwake/ids';
import type { Catalog, EndpointRecord } from '@pgwake/wake-core';
import type { Pool } from 'pg';
import { type EndpointRow, endpointColumns, toRecord } from './endpoint-row.js';

type Endpoints = Pick<Catalog, 'find' | 'list' | 'create' | 'change' | 'beginDelete' | 'completeDelete'>;

export function createEndpoints(pool: Pool): Endpoints {
  async function find(id: EndpointId): Promise<EndpointRecord | undefined> {
    const { rows } = await pool.query<EndpointRow>({
      name: 'find',
      text: `select ${endpointColumns} from pgwake.endpoints e where id = $1`,
      values: [id],
    });
    return rows[0] && toRecord(rows[0]);
  }

  return {
    find,

    async list() {
      const { rows } = await pool.query<EndpointRow>(`select ${endpointColumns} from pgwake.endpoints e order by id`);
      return rows.map(toRecord);
    },

    async create(endpoint) {
      const { rowCount } = await pool.query(
        `with made as (
           insert into pgwake.endpoints
             (id, generation, database, database_owner, idle_suspend_after_ms, allowed_networks, roles_pending)
           values ($1, coalesce((select generation from pgwake.retired_endpoints where id = $1), 0), $2, $3, $4, $6, true)
           on conflict (id) do nothing
           returning id)
         insert into pgwake.roles (endpoint, name, verifier, pending) select id, $3, $5, true from made`,
        [
          endpoint.id,
          endpoint.database,
          endpoint.role.name,
          endpoint.idleSuspendAfterMs ?? null,
          endpoint.role.verifier,
          endpoint.allowedNetworks,
        ],
      );
      return rowCount === 1 ? find(endpoint.id) : undefined;
    },

    async change(id, change) {
      const { rows } = await pool.query<EndpointRow>(
        `update pgwake.endpoints e
         set availability = coalesce($2, availability),
             idle_suspend_after_ms = case when $3 then $4 else idle_suspend_after_ms end,
             allowed_networks = coalesce($5, allowed_networks)
         where id = $1 and availability <> 'deleting'
         returning ${endpointColumns}`,
        [
          id,
          change.availability ?? null,
          change.idleSuspendAfterMs !== undefined,
          change.idleSuspendAfterMs ?? null,
          change.allowedNetworks ?? null,
        ],
      );
      return rows[0] && toRecord(rows[0]);
    },

    async beginDelete(id) {
      const { rowCount } = await pool.query(`update pgwake.endpoints set availability = 'deleting' where id = $1`, [
        id,
      ]);
      return rowCount === 1;
    },

    async completeDelete(id) {
      const { rowCount } = await pool.query(
        `with gone as (
           delete from pgwake.endpoints where id = $1 and availability = 'deleting' and state = 'suspended'
           returning id, generation)
         insert into pgwake.retired_endpoints (id, generation) select id, generation from gone
         on conflict (id) do update set generation = excluded.generation`,
        [id],
      );
      return rowCount === 1;
    },
  };
}
