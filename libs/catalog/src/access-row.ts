// What a login is measured by, as Postgres sends it. Apart from the row of the whole endpoint: asking whether its owner lives
// looks through all locks, which is too much for every login.

import type { EndpointId } from '@pgwake/ids';
import type { ComputeIdentity, NodeAddress } from '@pgwake/wake-api';
import type { Availability, ComputeState, StoredAccess } from '@pgwake/wake-core';
import { toGeneration } from './endpoint-row.js';

export interface AccessRow {
  readonly state: ComputeState['kind'];
  readonly generation: string;
  readonly address: NodeAddress | null;
  readonly identity: ComputeIdentity | null;
  readonly availability: Availability;
  readonly allowed_networks: readonly string[];
  readonly verifier: string | null;
}

/** What to select from `pgwake.endpoints e` and `pgwake.roles r` for an {@link AccessRow}. */
export const accessColumns =
  'e.state, e.generation, e.address, e.identity, e.availability, e.allowed_networks, r.verifier';

export function toAccess(endpoint: EndpointId, row: AccessRow): StoredAccess {
  return {
    availability: row.availability,
    allowedNetworks: row.allowed_networks,
    running: toRunning(endpoint, row),
    verifier: row.verifier ?? undefined,
  };
}

function toRunning(endpoint: EndpointId, { state, generation, address, identity }: AccessRow): StoredAccess['running'] {
  if (state !== 'running') return undefined;
  if (!address || !identity) throw new Error(`the catalog holds no address for ${endpoint}, which is running`);
  return { endpoint, generation: toGeneration(generation), address, identity };
}
