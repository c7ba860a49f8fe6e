// One look at everything in a Postgres that may keep it awake. Left out: the service database, so that looking is no
// activity; autovacuum, which begins anew at the next wake; transaction counters, which autovacuum moves too.

import { millis } from '@pgwake/ids';
import { type ActivitySample, serviceDatabaseName } from '@pgwake/wake-core';

export interface ActivityRow {
  readonly sessions: number;
  readonly active_time_ms: number;
  readonly busy_backends: number;
  readonly last_state_change_ago_ms: number | null;
  readonly holds: number;
}

/**
 * `track_activities = off` leaves the state unknown, which counts as busy. The counters of a session are seen at the
 * latest when it ends; until then its backend is.
 */
export const activityQuery = `
  select
    (select coalesce(sum(sessions), 0)::float8 from pg_catalog.pg_stat_database
      where datname <> '${serviceDatabaseName}') as sessions,
    (select coalesce(sum(active_time), 0)::float8 from pg_catalog.pg_stat_database
      where datname <> '${serviceDatabaseName}') as active_time_ms,
    clients.busy_backends,
    clients.last_state_change_ago_ms,
    (select count(*) from pg_catalog.pg_stat_activity
       where backend_type = 'walsender'
          or state = 'active' and backend_type not in ('client backend', 'autovacuum worker', 'parallel worker'))::integer
    + (select count(*) from pg_catalog.pg_replication_slots where active)::integer
    + (select count(*) from pg_catalog.pg_stat_subscription where pid is not null)::integer
    + (select count(*) from pg_catalog.pg_prepared_xacts)::integer as holds
  from (
    select
      count(*) filter (where state is distinct from 'idle')::integer as busy_backends,
      (extract(epoch from clock_timestamp() - max(state_change)) * 1000)::float8 as last_state_change_ago_ms
    from pg_catalog.pg_stat_activity
    where backend_type = 'client backend' and datname is distinct from '${serviceDatabaseName}'
  ) as clients`;

export function toSample(row: ActivityRow | undefined): ActivitySample {
  if (!row) throw new Error('the activity query gave no row');
  const ago = row.last_state_change_ago_ms;
  return {
    sessions: row.sessions,
    activeTimeMs: row.active_time_ms,
    busyBackends: row.busy_backends,
    lastStateChangeAgoMs: ago === null ? undefined : millis(Math.max(0, ago)),
    holds: row.holds,
  };
}
