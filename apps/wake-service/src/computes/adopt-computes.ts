// Takes over what an instance that is gone has left behind: at start, and whenever somebody comes across it.

import { type EndpointId, millis } from '@pgwake/ids';
import type { NodeEvictions } from '@pgwake/node-cache';
import { type Logger, errorKeys } from '@pgwake/telemetry';
import {
  type AdoptionStep,
  type Catalog,
  type ComputeDriver,
  type EndpointRecord,
  type RunningCompute,
  planAdoption,
} from '@pgwake/wake-core';
import type { ComputeWatches } from './compute-watches.js';
import type { ComputeStarter } from './start-compute.js';

const sweepEveryMs = 10_000;
/** Enough for a clean shutdown of something that nobody waits for. */
const endWithinMs = millis(10_000);

export class ComputeAdopter {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly catalog: Catalog,
    private readonly driver: ComputeDriver,
    private readonly starter: ComputeStarter,
    private readonly watches: ComputeWatches,
    private readonly evictions: NodeEvictions,
    private readonly log: Logger,
  ) {}

  /** Settles all endpoints, and ends computes that nobody knows of. Then looks for orphans from time to time. */
  async begin(): Promise<void> {
    const records = await this.catalog.list();
    const taken = new Set(records.filter(hasLivingOwner).map((record) => record.id));
    const found = await this.driver.adopt((endpoint) => !taken.has(endpoint));
    const known = new Map(records.map((record) => [record.id, record]));
    const running = new Map(found.map((compute) => [compute.endpoint, compute]));
    for (const endpoint of new Set([...known.keys(), ...running.keys()])) {
      await this.#settleOrLog(endpoint, known.get(endpoint), running.get(endpoint));
    }
    this.#timer = setInterval(() => void this.#sweep(), sweepEveryMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Settles one endpoint whose owner is gone. Rejects when that fails. */
  async settle(endpoint: EndpointId): Promise<void> {
    const found = await this.#findCompute(endpoint);
    await this.#settle(await this.catalog.find(endpoint), found);
  }

  async #sweep(): Promise<void> {
    try {
      for (const record of await this.catalog.list()) {
        if (record.compute.kind === 'suspended' || record.compute.owner.lives) continue;
        await this.#settleOrLog(record.id, record, await this.#findCompute(record.id));
      }
    } catch (error) {
      this.log.warn(errorKeys(error), 'looking for orphans failed');
    }
  }

  async #findCompute(endpoint: EndpointId): Promise<RunningCompute | undefined> {
    const found = await this.driver.adopt((candidate) => candidate === endpoint);
    return found.find((compute) => compute.endpoint === endpoint);
  }

  /** One that cannot be settled now is settled when somebody asks for it. */
  async #settleOrLog(
    endpoint: EndpointId,
    record: EndpointRecord | undefined,
    found: RunningCompute | undefined,
  ): Promise<void> {
    await this.#settle(record, found).catch((error: unknown) =>
      this.log.error({ endpoint, ...errorKeys(error) }, 'adoption failed'),
    );
  }

  async #settle(record: EndpointRecord | undefined, found: RunningCompute | undefined): Promise<void> {
    for (const step of planAdoption(record, found)) await this.#take(step, record);
  }

  async #take(step: AdoptionStep, record: EndpointRecord | undefined): Promise<void> {
    const { endpoint, generation } = 'compute' in step ? step.compute : step.ref;
    this.log.info({ endpoint, generation, step: step.kind }, 'adopting');
    switch (step.kind) {
      case 'own':
        if (!(await this.catalog.takeOver(step.compute))) return;
        return this.watches.begin(step.compute, record?.idleSuspendAfterMs);
      case 'finishStart':
        if (!record || !(await this.catalog.takeOverStart(step.compute))) return;
        await this.starter.finish(record, step.compute);
        return;
      case 'undoStart':
        if (!(await this.catalog.takeOverStart(step.ref))) return;
        await this.driver.suspend(step.ref, endWithinMs);
        await this.catalog.failStart(step.ref, { countsAsFailedStart: false });
        return;
      case 'recordGone':
        await this.catalog.recordGone(step.ref);
        return this.evictions.evict(step.ref);
      case 'end':
        return this.driver.suspend(step.ref, endWithinMs);
    }
  }
}

function hasLivingOwner({ compute }: EndpointRecord): boolean {
  return compute.kind !== 'suspended' && compute.owner.lives;
}
