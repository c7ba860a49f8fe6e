// Where an address came from is a type. A suspect cannot be dialled, a fresh node cannot be evicted, and declaring a
// cached node suspect consumes it.

import type { EndpointId, Generation } from '@pgwake/ids';
import type { ComputeIdentity, NodeAddress } from '@pgwake/wake-api';

/** What a dial needs to know. The same value whether it came from the cache or from a wake. */
export interface NodeInfo {
  readonly endpoint: EndpointId;
  readonly generation: Generation;
  readonly address: NodeAddress;
  readonly identity: ComputeIdentity;
}

/** Read from the node cache: it may be outdated, even somebody else's address by now. */
export class CachedNode {
  readonly origin = 'cached';
  #consumed = false;

  constructor(readonly info: NodeInfo) {}

  /** Gives this handle up for a suspect. Throws when it was given up before. */
  suspect(): SuspectNode {
    if (this.#consumed) throw new Error(`cached node of ${this.info.endpoint} was declared suspect twice`);
    this.#consumed = true;
    return new SuspectNode(this.info.endpoint, this.info.generation);
  }
}

/** Given by a wake of this very journey: it is the truth, and is never evicted by the journey that got it. */
export class FreshNode {
  readonly origin = 'fresh';
  constructor(readonly info: NodeInfo) {}
}

/** An address that a failure gave us reason to distrust. It has no address any more, only what eviction needs. */
export class SuspectNode {
  readonly origin = 'suspect';
  constructor(
    readonly endpoint: EndpointId,
    readonly generation: Generation,
  ) {}
}

export type DialableNode = CachedNode | FreshNode;
