// Stops retry storms: an endpoint earns a fraction of a retry with every journey and a few per second, and spends one per
// redial. (Wakes need no budget: there is one at a time per endpoint, and it backs off.) Numbers as in Finagle's RetryBudget.

export interface RetryBudgetPolicy {
  /** Retries earned by one journey. */
  readonly perJourney: number;
  /** Retries earned by time alone, so that a quiet endpoint can retry too. */
  readonly perSecond: number;
  /** What can be saved up, and what a new endpoint starts with. */
  readonly most: number;
}

export class RetryBudget {
  #tokens: number;
  #countedAtMs: number;

  constructor(
    private readonly policy: RetryBudgetPolicy,
    nowMs: number,
  ) {
    this.#tokens = policy.most;
    this.#countedAtMs = nowMs;
  }

  deposit(nowMs: number): void {
    this.#earn(nowMs, this.policy.perJourney);
  }

  withdraw(nowMs: number): 'granted' | 'spent' {
    this.#earn(nowMs, 0);
    if (this.#tokens < 1) return 'spent';
    this.#tokens -= 1;
    return 'granted';
  }

  #earn(nowMs: number, extra: number): void {
    const byTime = ((nowMs - this.#countedAtMs) / 1_000) * this.policy.perSecond;
    this.#tokens = Math.min(this.policy.most, this.#tokens + byTime + extra);
    this.#countedAtMs = nowMs;
  }
}
