// The door of this library: one connector per process, one journey per client.

import type { EndpointId, Generation } from '@pgwake/ids';
import { Driver } from './driver.js';
import { EndpointMemory } from './endpoint-memory.js';
import { EndpointRooms } from './endpoint-room.js';
import { type HeadStart, giveHeadStart } from './head-start.js';
import type { Journey, JourneyResult } from './journey.js';
import { type ConnectPolicy, completePolicy } from './policy.js';
import type { Clock, NodeCachePort, Random, WakePort } from './ports.js';

export interface ConnectorDeps {
  readonly cache: NodeCachePort;
  readonly wake: WakePort;
  readonly clock: Clock;
  readonly random: Random;
  /** What differs from {@link defaultPolicy}. A nested value (`redial`, `wake`, ...) is given whole. */
  readonly policy?: Partial<ConnectPolicy>;
}

export interface Connector {
  /**
   * From a client that wants an endpoint to a connection that is logged in and proven to be that endpoint's, waking the
   * compute if need be, within one deadline (`deadlineMs`). Rejects only if a port breaks its promise; every failure is
   * `ok: false` with the error for the client. A client that left gets CLIENT_GONE at once, and a connection that was
   * made in the meantime is discarded. Nothing is retried after the connection was handed over.
   */
  connectToCompute<Connection>(journey: Journey<Connection>): Promise<JourneyResult<Connection>>;
  /**
   * Leave to dial for a client that has not proved itself yet, at the address that is known for `generation`, of which the
   * caller knows that it answered lately. `undefined`: better not. It changes nothing for any journey, the client's own
   * included; whether its first dial goes on with what was begun is the mechanism's to say.
   */
  headStart(endpoint: EndpointId, generation: Generation): HeadStart | undefined;
}

/** Throws RangeError when the policy cannot work. */
export function createConnector(deps: ConnectorDeps): Connector {
  const policy = completePolicy(deps.policy ?? {});
  const { cache, wake, clock, random } = deps;
  const memory = new EndpointMemory(policy);
  const rooms = new EndpointRooms({ wake, clock, random, policy }, memory);
  return {
    async connectToCompute(journey) {
      const room = rooms.enter(journey.endpoint);
      try {
        return await new Driver(journey, { cache, clock, random, policy, memory, room }).drive();
      } finally {
        rooms.leave(journey.endpoint);
      }
    },

    headStart: (endpoint, generation) => giveHeadStart({ cache, rooms, policy }, endpoint, generation),
  };
}
