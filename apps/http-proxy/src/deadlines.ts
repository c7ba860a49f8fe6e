// One limit of time for many things at once, most of which are done long before it: a timer for each of them costs more than
// all the rest of keeping it. They are looked at together, so one may be told a little late, never early.

import { ArrivalList, type Standing } from '@pgwake/arrival-list';

/** How late, as a part of the limit. */
const lateness = 1 / 64;
const mostLateMs = 1_000;

interface Due<T> {
  readonly item: T;
  readonly dueMs: number;
}

/** What a thing has to be taken out with when it is done. */
export type Deadline<T> = Standing<Due<T>>;

export class Deadlines<T> {
  readonly #limitMs: number;
  readonly #onDue: (item: T) => void;
  /** The first one stands first, as the limit is the same for all. */
  readonly #due = new ArrivalList<Due<T>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number, onDue: (item: T) => void) {
    this.#limitMs = limitMs;
    this.#onDue = onDue;
  }

  /** `nowMs` as performance.now() gives it; not below that of an earlier call. */
  add(item: T, nowMs: number): Deadline<T> {
    this.#timer ??= this.#lookIn(this.#limitMs);
    return this.#due.add({ item, dueMs: nowMs + this.#limitMs });
  }

  /** It is done, in time or not. */
  delete(deadline: Deadline<T>): void {
    this.#due.remove(deadline);
  }

  #lookIn(delayMs: number): NodeJS.Timeout {
    // Whoever is to be told keeps the process alive, or nobody needs to be.
    return setTimeout(() => this.#look(), delayMs + Math.min(this.#limitMs * lateness, mostLateMs)).unref();
  }

  /** Once nothing is left it looks no more, until something is added. */
  #look(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    let next = this.#due.firstStanding;
    while (next !== undefined && next.item.dueMs <= nowMs) {
      this.#due.remove(next);
      this.#onDue(next.item.item);
      next = this.#due.firstStanding;
    }
    if (next !== undefined) this.#timer = this.#lookIn(next.item.dueMs - nowMs);
  }
}
