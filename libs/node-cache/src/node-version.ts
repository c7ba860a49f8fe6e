// What there is to know about an endpoint's node is ordered: first by generation, then by the instant at which wake-service
// said it. All instants are wake-service's, so no two clocks are ever compared.

import type { NodeInfo } from '@pgwake/connect-core';
import type { EndpointId, Generation } from '@pgwake/ids';

export type NodeVersion = Pick<NodeInfo, 'endpoint' | 'generation' | 'issuedAtMs'>;

/** After everything that was or will be said about a generation: it is over, and will not be named again. */
export function endOfGeneration(endpoint: EndpointId, generation: Generation): NodeVersion {
  return { endpoint, generation, issuedAtMs: Number.MAX_SAFE_INTEGER };
}

/** Below zero: `a` is older. Both are of one endpoint. */
export function compareVersions(a: NodeVersion, b: NodeVersion): number {
  return a.generation - b.generation || a.issuedAtMs - b.issuedAtMs;
}
