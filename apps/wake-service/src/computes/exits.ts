// A compute that ended although nobody asked it to: recorded at once, for its own generation only, so that the next
// client starts a new one instead of waiting for a timeout.

import type { NodeEvictions } from '@pgwake/node-cache';
import { type Logger, type WakeMetrics, errorKeys } from '@pgwake/telemetry';
import { type Catalog, type ComputeDriver, type ComputeRef, planExit } from '@pgwake/wake-core';
import type { ServiceLinks } from './service-links.js';

export class Exits {
  constructor(
    private readonly catalog: Catalog,
    private readonly driver: ComputeDriver,
    private readonly links: ServiceLinks,
    private readonly evictions: NodeEvictions,
    private readonly metrics: WakeMetrics,
    private readonly log: Logger,
  ) {}

  /** Looks whether the compute still runs, and records it when it does not. True: it runs. */
  async check(ref: ComputeRef): Promise<boolean> {
    if (await this.driver.probe(ref)) return true;
    await this.record(ref, 'found gone');
    return false;
  }

  /** Like {@link check}, for events that nobody waits for. */
  suspect(ref: ComputeRef): void {
    this.check(ref).catch((error: unknown) => this.#logFailure(ref, error));
  }

  /** The driver's word that a compute has ended. */
  heard(ref: ComputeRef, detail: string): void {
    this.record(ref, detail).catch((error: unknown) => this.#logFailure(ref, error));
  }

  async record(ref: ComputeRef, detail: string): Promise<void> {
    const step = planExit(await this.catalog.find(ref.endpoint), ref);
    if (step.kind === 'nothing' || !(await this.catalog.recordExit(ref, step))) return;
    await this.evictions.evict(ref);
    await this.links.drop(ref);
    this.metrics.crashes.inc();
    this.log.warn({ endpoint: ref.endpoint, generation: ref.generation, detail }, 'compute ended unasked');
  }

  #logFailure(ref: ComputeRef, error: unknown): void {
    this.log.error(
      { endpoint: ref.endpoint, generation: ref.generation, ...errorKeys(error) },
      'the end of a compute could not be recorded',
    );
  }
}
