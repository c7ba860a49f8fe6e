// Whether a process is too late to take on more: judged by how late its event loop was in one window of time after the
// other, so that one long pause (a collection of garbage, a machine that was asleep) refuses nobody. It measures nothing.

/** How many windows in a row have to be late: less would be a pause, not a state. */
const windowsToBeLate = 2;
/** Of the limit. One window below this ends it; one that is a little better only would let in what makes it late again. */
const shareToCatchUp = 0.5;

export class Lateness {
  readonly #maxDelayMs: number;
  #lateWindows = 0;
  #isLate = false;

  /** `maxDelayMs`: what a window may be late and still count as punctual; 0 for anything. */
  constructor(maxDelayMs: number) {
    this.#maxDelayMs = maxDelayMs;
  }

  get isLate(): boolean {
    return this.#isLate;
  }

  /** `delayMs`: how late the event loop was in the window that ends now, at its worst. */
  observe(delayMs: number): void {
    if (this.#maxDelayMs === 0) return;
    this.#lateWindows = delayMs > this.#maxDelayMs ? this.#lateWindows + 1 : 0;
    if (this.#isLate) this.#isLate = delayMs > this.#maxDelayMs * shareToCatchUp;
    else this.#isLate = this.#lateWindows >= windowsToBeLate;
  }
}
