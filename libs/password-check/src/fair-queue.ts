// Runs work a few at once, one per lane, lane after lane in turn: a lane with a thousand things to do delays another by one
// of them, not by a thousand. What would wait behind too many of its own lane is refused.

import { GatewayError } from '@pgwake/gateway-errors';

export interface FairQueueLimits {
  readonly atOnce: number;
  readonly maxWaitingPerLane: number;
}

const retryAfterMs = 1_000;

export class FairQueue {
  readonly #limits: FairQueueLimits;
  /** In the order of their turns. A lane that is being run or has nothing to do is not here. */
  readonly #ready = new Set<string>();
  readonly #waiting = new Map<string, (() => Promise<void>)[]>();
  #running = 0;

  constructor(limits: FairQueueLimits) {
    this.#limits = limits;
  }

  /** Rejects as `work` does, or with RATE_LIMITED. */
  run<T>(lane: string, work: () => Promise<T>): Promise<T> {
    const waiting = this.#waiting.get(lane);
    if (waiting !== undefined && waiting.length >= this.#limits.maxWaitingPerLane) {
      return Promise.reject(new GatewayError('RATE_LIMITED', { retryAfterMs, detail: 'too many passwords to check' }));
    }
    return new Promise((resolve, reject) => {
      const job = () => work().then(resolve, reject);
      if (waiting === undefined) {
        this.#waiting.set(lane, [job]);
        this.#ready.add(lane);
      } else {
        waiting.push(job);
      }
      this.#runNext();
    });
  }

  #runNext(): void {
    const [lane] = this.#ready;
    if (lane === undefined || this.#running >= this.#limits.atOnce) return;
    this.#ready.delete(lane);
    const waiting = this.#waiting.get(lane) ?? [];
    const job = waiting.shift();
    if (job === undefined) return;
    this.#running += 1;
    void job().then(() => {
      this.#running -= 1;
      if (waiting.length > 0) this.#ready.add(lane);
      else this.#waiting.delete(lane);
      this.#runNext();
    });
  }
}
