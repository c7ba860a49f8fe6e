// Puts a compute to sleep in two phases: first the catalog says `suspending`, so that new clients wait for the next
// generation; then a last look at what goes on inside, the roles are read back, and the compute is shut down.

import type { EndpointId, Millis } from '@pgwake/ids';
import type { NodeEvictions } from '@pgwake/node-cache';
import { type Logger, type WakeMetrics, errorKeys } from '@pgwake/telemetry';
import {
  type ActivitySample,
  type Catalog,
  type ComputeDriver,
  type RunningCompute,
  type SuspendCause,
  happenedBetween,
  isActive,
  planSuspend,
} from '@pgwake/wake-core';
import type { ComputeAdopter } from './adopt-computes.js';
import { untilDecided } from './changes.js';
import type { Exits } from './exits.js';
import { keepTrying } from './keep-trying.js';
import type { ServiceLinks } from './service-links.js';

/** `asleep`: nothing runs. `calledOff`: something happened in the last moment, or it was not ours to suspend. */
export type SuspendResult = { readonly kind: 'asleep' } | { readonly kind: 'calledOff' };

const asleep: SuspendResult = { kind: 'asleep' };
const calledOff: SuspendResult = { kind: 'calledOff' };

const reasonLabel = { idle: 'idle', requested: 'asked', deletion: 'asked', shutdown: 'shutdown' } as const;

export class ComputeSuspender {
  constructor(
    private readonly catalog: Catalog,
    private readonly driver: ComputeDriver,
    private readonly links: ServiceLinks,
    private readonly exits: Exits,
    private readonly adopter: ComputeAdopter,
    private readonly evictions: NodeEvictions,
    private readonly metrics: WakeMetrics,
    private readonly log: Logger,
    private readonly suspendTimeoutMs: Millis,
  ) {}

  /** Resolves when the compute sleeps, or the suspend was called off. Rejects when the compute cannot be shut down. */
  suspend(endpoint: EndpointId, cause: SuspendCause): Promise<SuspendResult> {
    return untilDecided<SuspendResult>(this.catalog, endpoint, async (record) => {
      const step = planSuspend(record, cause);
      switch (step.kind) {
        case 'nothing':
          return cause.kind === 'idle' ? calledOff : asleep;
        case 'await':
          return 'await';
        case 'settle':
          await this.adopter.settle(endpoint);
          return 'again';
        case 'suspend':
          if (!(await this.catalog.beginSuspend(step.compute))) return 'again';
          return this.#shutDown(step.compute, cause);
      }
    });
  }

  async #shutDown(compute: RunningCompute, cause: SuspendCause): Promise<SuspendResult> {
    const begunAt = performance.now();
    if (cause.kind === 'idle' && !(await this.#stillIdle(compute, cause.seen))) {
      await this.#callOff(compute);
      return calledOff;
    }
    // Before it is shut down: proxies that know its address by heart would run into a closed door.
    await this.evictions.evict(compute);
    await this.#readRolesBack(compute);
    await this.links.drop(compute);
    try {
      await this.driver.suspend(compute, this.suspendTimeoutMs);
    } catch (error) {
      await this.#callOff(compute);
      throw error;
    }
    await keepTrying('recording a suspend', this.log, () => this.catalog.completeSuspend(compute));
    const { endpoint, generation } = compute;
    const totalMs = performance.now() - begunAt;
    this.metrics.suspends.inc({ reason: reasonLabel[cause.kind] });
    this.log.info({ endpoint, generation, cause: cause.kind, totalMs }, 'compute suspended');
    return asleep;
  }

  async #stillIdle(compute: RunningCompute, seen: ActivitySample): Promise<boolean> {
    try {
      const now = await this.links.to(compute).sampleActivity();
      return !isActive(now) && !happenedBetween(seen, now);
    } catch {
      return false;
    }
  }

  /** Without it a password changed in SQL in the last seconds would be refused until the next wake. */
  async #readRolesBack(compute: RunningCompute): Promise<void> {
    try {
      await this.catalog.replaceRoles(compute, await this.links.to(compute).readRoles());
    } catch (error) {
      this.log.warn({ endpoint: compute.endpoint, ...errorKeys(error) }, 'roles could not be read back');
    }
  }

  async #callOff(compute: RunningCompute): Promise<void> {
    await keepTrying('calling a suspend off', this.log, () => this.catalog.cancelSuspend(compute));
    // An exit during the suspend was expected, and so was not recorded.
    await this.exits.check(compute);
  }
}
