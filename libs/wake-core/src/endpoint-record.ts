// What the catalog knows about one endpoint at one moment. Ages instead of times of day: the catalog's own clock is the
// only one that is asked, so instances whose clocks differ decide alike.

import type { Brand, EndpointId, Generation, Millis, RoleName } from '@pgwake/ids';
import type { ComputeIdentity, NodeAddress } from '@pgwake/wake-api';
import type { ComputeRef, RunningCompute } from './compute-driver.js';

/** One life of one wake-service instance. A restarted instance is a new owner. */
export type OwnerId = Brand<number, 'OwnerId'>;

/** Who works on a compute or looks after it. `lives` is the catalog's word at the time of reading. */
export interface Owner {
  readonly id: OwnerId;
  readonly lives: boolean;
}

/** `deleting`: nobody may wake it any more; its home and its row are being removed. */
export type Availability = 'open' | 'disabled' | 'deleting';

export type ComputeState =
  | { readonly kind: 'suspended'; readonly lastGeneration: Generation | undefined }
  | { readonly kind: 'starting'; readonly generation: Generation; readonly owner: Owner }
  | {
      readonly kind: 'running' | 'suspending';
      readonly generation: Generation;
      readonly owner: Owner;
      readonly address: NodeAddress;
      readonly identity: ComputeIdentity;
    };

/** Starts that failed, or computes that died right after their start, in a row. */
export interface FailedStarts {
  readonly count: number;
  readonly lastAgoMs: Millis;
}

export interface EndpointRecord {
  readonly id: EndpointId;
  readonly compute: ComputeState;
  /** How long the compute has been in this state. */
  readonly stateAgeMs: Millis;
  readonly availability: Availability;
  /** The database made for the endpoint, and the role that owns it. */
  readonly database: string;
  readonly databaseOwner: RoleName;
  /** `undefined`: the default of the service. */
  readonly idleSuspendAfterMs: Millis | undefined;
  /** In CIDR notation; none: clients may connect from everywhere. */
  readonly allowedNetworks: readonly string[];
  /** Role changes wait to be applied to the compute before the next wake is announced. */
  readonly rolesPending: boolean;
  readonly failedStarts: FailedStarts | undefined;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly createdAtMs: number;
}

/** The compute of a record that has an address, in the words of the driver. */
export function runningCompute(
  id: EndpointId,
  compute: ComputeState & { kind: 'running' | 'suspending' },
): RunningCompute {
  return { endpoint: id, generation: compute.generation, address: compute.address, identity: compute.identity };
}

export function isSameCompute(a: ComputeRef, b: ComputeRef): boolean {
  return a.endpoint === b.endpoint && a.generation === b.generation;
}
