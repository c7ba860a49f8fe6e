// Keeps the account of one journey: counters, phases, steps. It records and decides nothing.

import type { StartKind } from '@pgwake/wake-api';
import type { JourneyEvent, JourneyReport, JourneyStep } from './journey.js';
import type { Clock } from './ports.js';

export type Phase = 'wakeWaitMs' | 'dialMs' | 'sleepMs' | 'queueMs';

export class JourneyLog {
  readonly #startedAt: number;
  readonly #phases: Record<Phase, number> = { wakeWaitMs: 0, dialMs: 0, sleepMs: 0, queueMs: 0 };
  readonly #steps: JourneyEvent[] = [];
  #dialAttempts = 0;
  #wakeAttempts = 0;
  #startKind: StartKind | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly observer: ((event: JourneyEvent) => void) | undefined,
  ) {
    this.#startedAt = clock.now();
  }

  note(step: JourneyStep): void {
    const event = { ...step, atMs: this.clock.now() - this.#startedAt };
    if (event.kind === 'woken') this.#startKind = event.startKind;
    this.#steps.push(event);
    this.observer?.(event);
  }

  /** The number of the dial that begins now. */
  countDial(): number {
    return ++this.#dialAttempts;
  }

  /** The number of the wake call that begins now. */
  countWake(): number {
    return ++this.#wakeAttempts;
  }

  /** The time the work takes counts for the phase, however it ends. */
  async timed<T>(phase: Phase, work: Promise<T>): Promise<T> {
    const from = this.clock.now();
    try {
      return await work;
    } finally {
      this.#phases[phase] += this.clock.now() - from;
    }
  }

  report(): JourneyReport {
    return {
      dialAttempts: this.#dialAttempts,
      wakeAttempts: this.#wakeAttempts,
      ...this.#phases,
      totalMs: this.clock.now() - this.#startedAt,
      ...(this.#startKind === undefined ? {} : { startKind: this.#startKind }),
      steps: this.#steps,
    };
  }
}
