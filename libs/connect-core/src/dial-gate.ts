// Who may dial an endpoint's address now. As long as an address has not shown that it answers, one journey leads and dials
// alone, pauses included; the others wait. Once it answers, everybody dials for himself, first come first served, so many at
// a time. The gate knows address-level outcomes only; what a login was told is never shared.

import { GatewayError } from '@pgwake/gateway-errors';
import type { Generation } from '@pgwake/ids';
import { orAborted } from './deadline.js';
import type { DialableNode } from './node.js';

/** One journey at the gate; only its identity counts. */
export type Visitor = object;

/** Whether somebody may dial ahead of its journey. */
export type Leave = 'go' | 'stay';

/** `outdated`: this address must not be dialled, because it is distrusted or a higher generation is known. */
export type Admission = 'admitted' | 'outdated';

export interface DialGateLimits {
  readonly dialsInFlight: number;
  readonly waiting: number;
}

interface Waiter {
  readonly origin: DialableNode['origin'];
  readonly generation: Generation;
  readonly answer: (admission: Admission) => void;
}

export class DialGate {
  #generation: Generation | undefined;
  /** Of the address of `#generation`. A distrusted one may be dialled only by who was given it by wake-service since. */
  #standing: 'untried' | 'answering' | 'distrusted' = 'untried';
  #leader: Visitor | undefined;
  /** The address seemed to answer and did not: without this, a compute that says "starting up" draws the crowd each time. */
  #wasMisled = false;
  #inFlight = 0;
  /** Dials ahead of their journeys. Journeys do not wait for them: a client that proves nothing would keep others out. */
  #ahead = 0;
  // In order of arrival.
  readonly #waiters = new Map<Visitor, Waiter>();

  constructor(private readonly limits: DialGateLimits) {}

  /**
   * Waits for the permission to dial once; `admitted` must be followed by one {@link done}. Rejects with the signal's
   * reason, or with DIAL_QUEUE_FULL, which says nothing about the address.
   */
  async enter(visitor: Visitor, node: DialableNode, signal: AbortSignal): Promise<Admission> {
    const { generation } = node.info;
    if (this.#generation === undefined || generation > this.#generation) this.#turnTo(generation);
    if (this.#isOutdated(node.origin, generation)) return 'outdated';
    if (this.#waiters.size >= this.limits.waiting) throw new GatewayError('DIAL_QUEUE_FULL');
    const admission = new Promise<Admission>((resolve) => {
      this.#waiters.set(visitor, { origin: node.origin, generation, answer: resolve });
    });
    this.#admit();
    try {
      return await orAborted(admission, signal, (late) => {
        if (late === 'admitted') this.done();
      });
    } finally {
      this.#waiters.delete(visitor);
    }
  }

  /** The dial is over: its place goes to the next in the queue. */
  done(): void {
    this.#inFlight -= 1;
    this.#admit();
  }

  /**
   * `go`, which must be followed by one {@link comeBack}, only if nothing speaks against the address, nobody waits, and there are
   * places left. In a room that nobody has dialled from the caller's own knowledge of the address counts.
   */
  goAhead(generation: Generation): Leave {
    const answers = this.#generation === generation && this.#standing === 'answering';
    if (!answers && this.#generation !== undefined) return 'stay';
    if (this.#waiters.size > 0 || this.#inFlight + this.#ahead >= this.limits.dialsInFlight) return 'stay';
    this.#ahead += 1;
    return 'go';
  }

  /** The dial ahead is over, or its journey goes on with it. */
  comeBack(): void {
    this.#ahead -= 1;
  }

  /** The server of this generation begins to answer. Everybody may dial, unless such a beginning has misled them before. */
  beginsToAnswer(generation: Generation): void {
    if (!this.#wasMisled) this.answers(generation);
  }

  /** The server of this generation has answered a login, with yes or no: everybody may dial. */
  answers(generation: Generation): void {
    if (generation !== this.#generation) return;
    this.#standing = 'answering';
    this.#leader = undefined;
    this.#wasMisled = false;
    this.#admit();
  }

  /** A dial got no answer worth sharing, but the visitor will try again: the others wait for it. */
  silent(visitor: Visitor, generation: Generation): void {
    if (generation !== this.#generation || this.#standing !== 'answering') return;
    this.#standing = 'untried';
    this.#leader = visitor;
    this.#wasMisled = true;
  }

  /** A cached address of this generation failed: whoever waits with the same cached address need not try it. */
  distrust(generation: Generation): void {
    if (generation !== this.#generation) return;
    this.#standing = 'distrusted';
    this.#leader = undefined;
    this.#turnAwayOutdated();
    this.#admit();
  }

  /** Wake-service has named this generation, so it is the current one, and it starts anew if it was distrusted. */
  renew(generation: Generation): void {
    if (generation !== this.#generation || this.#standing === 'distrusted') this.#turnTo(generation);
  }

  /** The journey is over. If it led, the next in the queue takes over. */
  leave(visitor: Visitor): void {
    if (this.#leader !== visitor) return;
    this.#leader = undefined;
    this.#admit();
  }

  #turnTo(generation: Generation): void {
    this.#generation = generation;
    this.#standing = 'untried';
    this.#leader = undefined;
    this.#wasMisled = false;
    this.#turnAwayOutdated();
    this.#admit();
  }

  #isOutdated(origin: DialableNode['origin'], generation: Generation): boolean {
    if (generation !== this.#generation) return true;
    return origin === 'cached' && this.#standing === 'distrusted';
  }

  #turnAwayOutdated(): void {
    for (const [visitor, waiter] of this.#waiters) {
      if (!this.#isOutdated(waiter.origin, waiter.generation)) continue;
      this.#waiters.delete(visitor);
      waiter.answer('outdated');
    }
  }

  #admit(): void {
    while (this.#inFlight < this.limits.dialsInFlight) {
      const visitor = this.#nextVisitor();
      const waiter = visitor && this.#waiters.get(visitor);
      if (visitor === undefined || waiter === undefined) return;
      if (this.#standing !== 'answering') this.#leader = visitor;
      this.#waiters.delete(visitor);
      this.#inFlight += 1;
      waiter.answer('admitted');
    }
  }

  #nextVisitor(): Visitor | undefined {
    if (this.#standing !== 'answering' && this.#leader !== undefined) return this.#leader;
    return this.#waiters.keys().next().value;
  }
}
