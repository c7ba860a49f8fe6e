// The moves of a compute from state to state. Each is one UPDATE that names the state and the generation it moves away
// from, so of all that try, one goes through and the others see that nothing was moved.

import type { EndpointId } from '@pgwake/ids';
import type { Catalog, ComputeRef, OwnerId, RunningCompute } from '@pgwake/wake-core';
import type { Pool } from 'pg';
import { type EndpointRow, endpointColumns, toRecord } from './endpoint-row.js';

type Life = Pick<
  Catalog,
  | 'beginStart'
  | 'completeStart'
  | 'failStart'
  | 'beginSuspend'
  | 'cancelSuspend'
  | 'completeSuspend'
  | 'recordExit'
  | 'takeOver'
  | 'takeOverStart'
  | 'recordGone'
>;

const toSuspended = `state = 'suspended', owner = null, address = null, identity = null, state_since = clock_timestamp()`;
const oneMoreFailure = `failed_starts = failed_starts + 1, last_failed_at = clock_timestamp()`;
const noFailures = `failed_starts = 0, last_failed_at = null`;

export function createLife(pool: Pool, self: OwnerId): Life {
  /** `$1` is the endpoint, `$2` the generation; further values follow. */
  async function move(name: string, sql: string, ref: ComputeRef, ...values: readonly unknown[]): Promise<boolean> {
    const all = [ref.endpoint, ref.generation, ...values];
    const { rowCount } = await pool.query({ name, text: sql, values: all });
    return rowCount === 1;
  }

  return {
    async beginStart(id: EndpointId) {
      const { rows } = await pool.query<EndpointRow>({
        name: 'begin-start',
        text: `update pgwake.endpoints e
               set state = 'starting', generation = generation + 1, owner = $2, state_since = clock_timestamp()
               where id = $1 and state = 'suspended' and availability = 'open'
               returning ${endpointColumns}`,
        values: [id, self],
      });
      return rows[0] && toRecord(rows[0]);
    },

    completeStart: (compute) =>
      move(
        'complete-start',
        `update pgwake.endpoints
         set state = 'running', address = $4, identity = $5, state_since = clock_timestamp()
         where id = $1 and generation = $2 and owner = $3 and state = 'starting'`,
        compute,
        self,
        compute.address,
        compute.identity,
      ),

    failStart: (ref, { countsAsFailedStart }) =>
      move(
        `fail-start-${countsAsFailedStart}`,
        `update pgwake.endpoints set ${toSuspended}${countsAsFailedStart ? `, ${oneMoreFailure}` : ''}
         where id = $1 and generation = $2 and owner = $3 and state = 'starting'`,
        ref,
        self,
      ),

    beginSuspend: (ref) =>
      move(
        'begin-suspend',
        `update pgwake.endpoints set state = 'suspending', owner = $3, state_since = clock_timestamp()
         where id = $1 and generation = $2 and state = 'running'`,
        ref,
        self,
      ),

    cancelSuspend: (ref) =>
      move(
        'cancel-suspend',
        `update pgwake.endpoints set state = 'running', state_since = clock_timestamp()
         where id = $1 and generation = $2 and owner = $3 and state = 'suspending'`,
        ref,
        self,
      ),

    completeSuspend: (ref) =>
      move(
        'complete-suspend',
        `update pgwake.endpoints set ${toSuspended}, ${noFailures}
         where id = $1 and generation = $2 and owner = $3 and state = 'suspending'`,
        ref,
        self,
      ),

    recordExit: (ref, { countsAsFailedStart }) =>
      move(
        `record-exit-${countsAsFailedStart}`,
        // Whoever owns it: any instance may find it gone.
        `update pgwake.endpoints set ${toSuspended}, ${countsAsFailedStart ? oneMoreFailure : noFailures}
         where id = $1 and generation = $2 and state = 'running'`,
        ref,
      ),

    takeOver: (compute: RunningCompute) =>
      move(
        'take-over',
        `update pgwake.endpoints set state = 'running', owner = $3, address = $4, identity = $5
         where id = $1 and generation = $2 and state in ('running', 'suspending') and not pgwake.owner_lives(owner)`,
        compute,
        self,
        compute.address,
        compute.identity,
      ),

    takeOverStart: (ref) =>
      move(
        'take-over-start',
        `update pgwake.endpoints set owner = $3
         where id = $1 and generation = $2 and state = 'starting' and not pgwake.owner_lives(owner)`,
        ref,
        self,
      ),

    recordGone: (ref) =>
      move(
        'record-gone',
        `update pgwake.endpoints set ${toSuspended}
         where id = $1 and generation = $2 and state <> 'suspended' and not pgwake.owner_lives(owner)`,
        ref,
      ),
  };
}
