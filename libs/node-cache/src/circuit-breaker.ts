// Keeps callers from waiting for something that does not answer: after some failures in a row nobody asks for a while,
// then one caller tries for all.

import type { Clock, Random } from '@pgwake/connect-core';

export interface CircuitBreakerSettings {
  readonly failuresInARow: number;
  /** Between half of it and all of it, by chance: otherwise all processes would try at the same moment. */
  readonly restMs: number;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  /** `failure`: what opened it; `undefined`: it has closed. */
  readonly onChange: (failure: unknown) => void;
}

type State =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly untilMs: number }
  | { readonly kind: 'trial' };

export class CircuitBreaker {
  #state: State = { kind: 'closed', failures: 0 };

  constructor(private readonly settings: CircuitBreakerSettings) {}

  /** Whether the caller may ask. If so, it says afterwards how that went. */
  admit(): boolean {
    switch (this.#state.kind) {
      case 'closed':
        return true;
      case 'trial':
        return false;
      case 'open':
        if (this.settings.clock.now() < this.#state.untilMs) return false;
        this.#state = { kind: 'trial' };
        return true;
    }
  }

  succeeded(): void {
    // A late answer of a call that was made before it opened is no trial.
    if (this.#state.kind === 'open') return;
    const reopened = this.#state.kind === 'trial';
    this.#state = { kind: 'closed', failures: 0 };
    if (reopened) this.settings.onChange(undefined);
  }

  failed(failure: unknown): void {
    if (this.#state.kind === 'open') return;
    const failures = this.#state.kind === 'closed' ? this.#state.failures + 1 : Infinity;
    if (failures < this.settings.failuresInARow) {
      this.#state = { kind: 'closed', failures };
      return;
    }
    const firstTime = this.#state.kind === 'closed';
    const { clock, restMs, random } = this.settings;
    this.#state = { kind: 'open', untilMs: clock.now() + (restMs * (1 + random())) / 2 };
    if (firstTime) this.settings.onChange(failure);
  }
}
