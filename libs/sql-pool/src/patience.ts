// How long requests wait for a connection. The limit is the same for all, so who came first is due first; and there is one timer
// for all of them, as most are served long before it.

import { ArrivalList, type Standing } from '@pgwake/arrival-list';
import type { Clock } from '@pgwake/connect-core';
import { millis } from '@pgwake/ids';

interface Waiting<T> {
  readonly waiter: T;
  readonly untilMs: number;
}

export interface PatienceOptions<T> {
  readonly clock: Clock;
  readonly limitMs: number;
  /** Aborted when nobody will wait any more. */
  readonly over: AbortSignal;
  /** Has to take the waiter out. */
  readonly onImpatient: (waiter: T) => void;
}

/** What a waiter has to be taken out with when it waits no more. */
export type Turn<T> = Standing<Waiting<T>>;

export class Patience<T> {
  readonly #options: PatienceOptions<T>;
  readonly #waiting = new ArrivalList<Waiting<T>>();
  #isLooking = false;

  constructor(options: PatienceOptions<T>) {
    this.#options = options;
  }

  add(waiter: T): Turn<T> {
    const { clock, limitMs } = this.#options;
    const turn = this.#waiting.add({ waiter, untilMs: clock.now() + limitMs });
    this.#lookWhenDue();
    return turn;
  }

  remove(turn: Turn<T>): void {
    this.#waiting.remove(turn);
  }

  #lookWhenDue(): void {
    const { clock, over } = this.#options;
    const { first } = this.#waiting;
    if (this.#isLooking || first === undefined) return;
    this.#isLooking = true;
    clock.sleep(millis(Math.max(0, first.untilMs - clock.now())), over).then(
      () => this.#look(),
      () => undefined, // over
    );
  }

  #look(): void {
    this.#isLooking = false;
    const nowMs = this.#options.clock.now();
    for (const { waiter, untilMs } of this.#waiting.toArray()) {
      if (untilMs > nowMs) break;
      this.#options.onImpatient(waiter);
    }
    this.#lookWhenDue();
  }
}
