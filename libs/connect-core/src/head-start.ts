// Leave to dial ahead of a journey, while its client still has to prove itself: only an address that this process holds, of a
// generation that the caller has reached lately, and only while that costs nobody anything. It asks nobody, wakes nothing,
// waits for nothing, and nobody ever waits for it.

import type { EndpointId, Generation } from '@pgwake/ids';
import type { EndpointRooms } from './endpoint-room.js';
import type { NodeInfo } from './node.js';
import type { ConnectPolicy } from './policy.js';
import type { NodeCachePort } from './ports.js';

export interface HeadStart {
  /** To be dialled once. What comes of it is the caller's: nothing is judged, counted or shared. */
  readonly node: NodeInfo;
  /** What was begun is to be ended after so long, unless its journey has taken it over. */
  readonly limitMs: number;
  /** Gives the place back: the journey dials now, or nobody will. Further calls do nothing. */
  end(): void;
}

export interface HeadStartDeps {
  readonly cache: NodeCachePort;
  readonly rooms: EndpointRooms;
  readonly policy: ConnectPolicy;
}

/** `undefined` where it is better to wait for the journey. */
export function giveHeadStart(
  { cache, rooms, policy }: HeadStartDeps,
  endpoint: EndpointId,
  generation: Generation,
): HeadStart | undefined {
  const node = cache.peek(endpoint);
  if (node?.generation !== generation) return undefined;
  const { gate } = rooms.enter(endpoint);
  if (gate.goAhead(generation) === 'stay') {
    rooms.leave(endpoint);
    return undefined;
  }
  let ended = false;
  return {
    node,
    limitMs: policy.cachedDialMs,
    end() {
      if (ended) return;
      ended = true;
      gate.comeBack();
      rooms.leave(endpoint);
    },
  };
}
