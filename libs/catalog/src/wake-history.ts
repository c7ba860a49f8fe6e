// The history of starts, for people. Bounded: the oldest entries of an endpoint go when new ones come.

import type { StartPhases, WakeEntry, WakeReason, Catalog } from '@pgwake/wake-core';
import type { Pool } from 'pg';
import { toGeneration } from './endpoint-row.js';

const keptPerEndpoint = 500;

interface WakeRow {
  readonly generation: string;
  readonly reason: WakeReason;
  readonly outcome: WakeEntry['outcome'];
  readonly total_ms: number;
  readonly phases: StartPhases;
  readonly detail: string | null;
  readonly ended_at_ms: number;
}

export function createWakeHistory(pool: Pool): Pick<Catalog, 'recordWake' | 'wakes'> {
  return {
    async recordWake(entry) {
      await pool.query(
        `with forgotten as (delete from pgwake.wakes where endpoint = $1 and generation <= $2::bigint - $8)
         insert into pgwake.wakes (endpoint, generation, reason, outcome, total_ms, phases, detail)
         select id, $2, $3, $4, $5, $6, $7 from pgwake.endpoints where id = $1
         on conflict (endpoint, generation) do nothing`,
        [
          entry.endpoint,
          entry.generation,
          entry.reason,
          entry.outcome,
          entry.totalMs,
          entry.phases,
          entry.detail ?? null,
          keptPerEndpoint,
        ],
      );
    },

    async wakes(id, limit) {
      const { rows } = await pool.query<WakeRow>(
        `select generation, reason, outcome, total_ms, phases, detail,
                (extract(epoch from ended_at) * 1000)::float8 as ended_at_ms
         from pgwake.wakes where endpoint = $1 order by generation desc limit $2`,
        [id, limit],
      );
      return rows.map((row) => ({
        generation: toGeneration(row.generation),
        reason: row.reason,
        outcome: row.outcome,
        totalMs: row.total_ms,
        phases: row.phases,
        detail: row.detail ?? undefined,
        endedAtMs: row.ended_at_ms,
      }));
    },
  };
}
