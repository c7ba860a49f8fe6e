import type { EndpointId, Generation } from '@pgwake/ids';
import type { ComputeIdentity, NodeAddress } from '@pgwake/wake-api';
import type { KeyName } from './key-name.js';

/** Where a cancel request for a session has to go, with which key the compute knows it, and who may send it. */
export interface CancelTarget {
  readonly endpoint: EndpointId;
  readonly generation: Generation;
  readonly address: NodeAddress;
  readonly identity: ComputeIdentity;
  readonly computeKey: KeyName;
  /** In CIDR notation, as they were when the session logged in; none: everywhere. */
  readonly allowedNetworks: readonly string[];
}
