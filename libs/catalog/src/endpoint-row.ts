// A row of pgwake.endpoints as Postgres sends it, to a record. The table's constraints guarantee what is assumed here.

import { type EndpointId, type Generation, type RoleName, millis, parseGeneration } from '@pgwake/ids';
import type { ComputeIdentity, NodeAddress } from '@pgwake/wake-api';
import type { Availability, ComputeState, EndpointRecord, FailedStarts, Owner, OwnerId } from '@pgwake/wake-core';

export interface EndpointRow {
  readonly id: string;
  readonly state: ComputeState['kind'];
  readonly generation: string;
  readonly owner: number | null;
  readonly owner_lives: boolean | null;
  readonly address: NodeAddress | null;
  readonly identity: ComputeIdentity | null;
  readonly state_age_ms: number;
  readonly availability: Availability;
  readonly database: string;
  readonly database_owner: string;
  readonly idle_suspend_after_ms: string | null;
  readonly allowed_networks: readonly string[];
  readonly roles_pending: boolean;
  readonly failed_starts: number;
  readonly last_failed_ago_ms: number | null;
  readonly created_at_ms: number;
}

/** What to select from `pgwake.endpoints e` for an {@link EndpointRow}. */
export const endpointColumns = `
  e.id, e.state, e.generation, e.owner, pgwake.owner_lives(e.owner) as owner_lives, e.address, e.identity,
  greatest(0, extract(epoch from clock_timestamp() - e.state_since) * 1000)::float8 as state_age_ms,
  e.availability, e.database, e.database_owner, e.idle_suspend_after_ms, e.allowed_networks, e.roles_pending,
  e.failed_starts,
  greatest(0, extract(epoch from clock_timestamp() - e.last_failed_at) * 1000)::float8 as last_failed_ago_ms,
  (extract(epoch from e.created_at) * 1000)::float8 as created_at_ms`;

export function toRecord(row: EndpointRow): EndpointRecord {
  return {
    id: row.id as EndpointId,
    compute: toComputeState(row),
    stateAgeMs: millis(row.state_age_ms),
    availability: row.availability,
    database: row.database,
    databaseOwner: row.database_owner as RoleName,
    idleSuspendAfterMs: row.idle_suspend_after_ms === null ? undefined : millis(Number(row.idle_suspend_after_ms)),
    allowedNetworks: row.allowed_networks,
    rolesPending: row.roles_pending,
    failedStarts: toFailedStarts(row),
    createdAtMs: row.created_at_ms,
  };
}

function toComputeState(row: EndpointRow): ComputeState {
  const { state, address, identity } = row;
  if (state === 'suspended') return { kind: 'suspended', lastGeneration: parseGeneration(row.generation) };
  const generation = toGeneration(row.generation);
  if (state === 'starting') return { kind: 'starting', generation, owner: toOwner(row) };
  if (!address || !identity) throw new Error(`the catalog holds no address for ${row.id}, which is ${state}`);
  return { kind: state, generation, owner: toOwner(row), address, identity };
}

/** A generation that was begun, so it is at least 1. */
export function toGeneration(text: string): Generation {
  const generation = parseGeneration(text);
  if (generation === undefined) throw new Error(`the catalog holds ${text}, which is no generation`);
  return generation;
}

function toOwner(row: EndpointRow): Owner {
  return { id: row.owner as OwnerId, lives: row.owner_lives === true };
}

function toFailedStarts(row: EndpointRow): FailedStarts | undefined {
  if (row.failed_starts === 0 || row.last_failed_ago_ms === null) return undefined;
  return { count: row.failed_starts, lastAgoMs: millis(row.last_failed_ago_ms) };
}
