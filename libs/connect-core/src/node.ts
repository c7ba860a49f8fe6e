// Where an address came from is a type. A suspect cannot be dialled, a fresh node cannot be evicted, declaring a cached
// node suspect consumes it, and evicting consumes the suspect. Nothing here decides anything.

import type { EndpointId, Generation } from '@pgwake/ids';
import type { WokenNode } from '@pgwake/wake-api';

/** What wake-service said of a compute, word for word: the same value whether it came from the cache or from a wake. */
export type NodeInfo = Omit<WokenNode, 'startKind'>;

/** Read from the node cache: it may be outdated, even somebody else's address by now. */
export class CachedNode {
  readonly origin = 'cached';
  readonly #info: NodeInfo;
  #consumed = false;

  constructor(info: NodeInfo) {
    this.#info = info;
  }

  /** Throws once the node was declared suspect: who distrusts an address does not hold it any more. */
  get info(): NodeInfo {
    this.#refuseIfConsumed('used');
    return this.#info;
  }

  /** Gives this handle up for a suspect. Throws when it was given up before. */
  suspect(): SuspectNode {
    this.#refuseIfConsumed('declared suspect');
    this.#consumed = true;
    return new SuspectNode(this.#info.endpoint, this.#info.generation, this.#info.issuedAtMs);
  }

  #refuseIfConsumed(what: string): void {
    if (this.#consumed) throw new Error(`cached node of ${this.#info.endpoint} ${what} after it was declared suspect`);
  }
}

/** Named by wake-service to this very journey: it is the truth, and the journey that got it never evicts it. */
export class FreshNode {
  readonly origin = 'fresh';
  constructor(readonly info: NodeInfo) {}
}

/** An address that a failure gave us reason to distrust. It has no address any more, only what eviction needs. */
export class SuspectNode {
  readonly origin = 'suspect';
  #evicted = false;

  constructor(
    readonly endpoint: EndpointId,
    readonly generation: Generation,
    readonly issuedAtMs: number,
  ) {}

  /** For the node cache: which entry to delete, to be asked for once. Throws the second time. */
  consumeForEviction(): Pick<NodeInfo, 'endpoint' | 'generation' | 'issuedAtMs'> {
    if (this.#evicted) throw new Error(`suspect node of ${this.endpoint} evicted twice`);
    this.#evicted = true;
    return { endpoint: this.endpoint, generation: this.generation, issuedAtMs: this.issuedAtMs };
  }
}

export type DialableNode = CachedNode | FreshNode;
