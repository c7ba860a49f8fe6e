// A stamp orders what wake-service has said of an endpoint's node: first by generation, then by the instant at which it was
// said. All instants are wake-service's: the clocks of proxies put nothing in order.

import type { NodeInfo } from '@pgwake/connect-core';
import type { EndpointId, Generation } from '@pgwake/ids';

export type NodeStamp = Pick<NodeInfo, 'endpoint' | 'generation' | 'issuedAtMs'>;

/** After everything that was or will be said about a generation: it is over, and will not be named again. */
export function endOfGeneration(endpoint: EndpointId, generation: Generation): NodeStamp {
  return { endpoint, generation, issuedAtMs: Number.MAX_SAFE_INTEGER };
}

/** Whether it is wake-service that calls a generation over, and not a proxy that could not reach it. */
export function isEndOfGeneration({ issuedAtMs }: NodeStamp): boolean {
  return issuedAtMs === Number.MAX_SAFE_INTEGER;
}

/** Below zero: `a` is older. Both are of one endpoint. */
export function compareStamps(a: NodeStamp, b: NodeStamp): number {
  return a.generation - b.generation || a.issuedAtMs - b.issuedAtMs;
}
