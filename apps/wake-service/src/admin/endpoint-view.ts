import type { EndpointRecord, WakeHistoryEntry } from '@pgwake/wake-core';
import type { z } from 'zod';
import type { endpointView, wakeView } from './schemas.js';

/** What people see of an endpoint: never an address of a compute, a verifier or an owner. */
export function viewEndpoint({ compute, ...record }: EndpointRecord): z.output<typeof endpointView> {
  return {
    id: record.id,
    state: compute.kind,
    generation: compute.kind === 'suspended' ? (compute.lastGeneration ?? 0) : compute.generation,
    disabled: record.availability === 'disabled',
    database: record.database,
    owner: record.databaseOwner,
    idleSuspendAfterMs: record.idleSuspendAfterMs ?? null,
    allowedNetworks: [...record.allowedNetworks],
    createdAt: new Date(record.createdAtMs).toISOString(),
  };
}

export function viewWake({ endedAtMs, detail, ...entry }: WakeHistoryEntry): z.output<typeof wakeView> {
  return { ...entry, phases: { ...entry.phases }, detail: detail ?? null, endedAt: new Date(endedAtMs).toISOString() };
}
