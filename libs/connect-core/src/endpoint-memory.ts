// What is kept of an endpoint after its last journey: the retry budget and the last answer of wake-service. Bounded; the
// endpoint heard of longest ago is forgotten first, which costs it nothing but a full budget.

import type { EndpointId } from '@pgwake/ids';
import type { ConnectPolicy } from './policy.js';
import { RetryBudget } from './retry-budget.js';
import type { WakeAnswer } from './wake-flight.js';

interface Remembered {
  readonly budget: RetryBudget;
  answer: WakeAnswer | undefined;
}

export class EndpointMemory {
  readonly #endpoints = new Map<EndpointId, Remembered>();

  constructor(private readonly policy: ConnectPolicy) {}

  /** To be called once per journey. */
  budgetOf(endpoint: EndpointId, nowMs: number): RetryBudget {
    const { budget } = this.#recall(endpoint, nowMs);
    budget.deposit(nowMs);
    return budget;
  }

  vouch(answer: WakeAnswer, nowMs: number): void {
    this.#recall(answer.info.endpoint, nowMs).answer = answer;
  }

  /** What wake-service named less than `vouchedForMs` ago. */
  vouched(endpoint: EndpointId, nowMs: number): WakeAnswer | undefined {
    const answer = this.#endpoints.get(endpoint)?.answer;
    return answer !== undefined && nowMs - answer.answeredAtMs < this.policy.vouchedForMs ? answer : undefined;
  }

  get size(): number {
    return this.#endpoints.size;
  }

  #recall(endpoint: EndpointId, nowMs: number): Remembered {
    const known = this.#endpoints.get(endpoint);
    const remembered = known ?? { budget: new RetryBudget(this.policy.retryBudget, nowMs), answer: undefined };
    // Deleted and set again: a Map keeps the order of insertion, so its first key is the one heard of longest ago.
    this.#endpoints.delete(endpoint);
    this.#endpoints.set(endpoint, remembered);
    for (const oldest of this.#endpoints.keys()) {
      if (this.#endpoints.size <= this.policy.rememberedEndpoints) break;
      this.#endpoints.delete(oldest);
    }
    return remembered;
  }
}
