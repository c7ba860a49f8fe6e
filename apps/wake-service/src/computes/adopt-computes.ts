// Takes over what an instance that is gone has left behind: at start, and whenever somebody comes across it.

import { type EndpointId, millis } from '@pgwake/ids';
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
    private readonly log: Logger,
  ) {}

  /** Settles all endpoints, and ends computes that nobody knows of. Then looks for orphans from time to time. */
  async begin(): Promise<void> {
    const records = await this.catalog.list();
    const found = await this.driver.adopt(ownedByOthers(records));
    const known = new Map(records.map((record) => [record.id, record]));
    for (const endpoint of new Set([...known.keys(), ...found.map((compute) => compute.endpoint)])) {
      await this.#settleOrLog(endpoint, known.get(endpoint), found);
    }
    this.#timer = setInterval(() => void this.#sweep(), sweepEveryMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Settles one endpoint whose owner is gone. Rejects when that fails. */
  async settle(endpoint: EndpointId): Promise<void> {
    const found = await this.driver.adopt(ownedByOthers(await this.catalog.list()));
    await this.#settle(await this.catalog.find(endpoint), found.find(isOf(endpoint)));
  }

  async #sweep(): Promise<void> {
    try {
      const records = await this.catalog.list();
      const orphans = records.filter(({ compute }) => compute.kind !== 'suspended' && !compute.owner.lives);
      if (orphans.length === 0) return;
      const found = await this.driver.adopt(ownedByOthers(records));
      for (const orphan of orphans) await this.#settleOrLog(orphan.id, orphan, found);
    } catch (error) {
      this.log.warn(errorKeys(error), 'looking for orphans failed');
    }
  }

  /** One that cannot be settled now is settled when somebody asks for it. */
  async #settleOrLog(
    endpoint: EndpointId,
    record: EndpointRecord | undefined,
    found: readonly RunningCompute[],
  ): Promise<void> {
    await this.#settle(record, found.find(isOf(endpoint))).catch((error: unknown) =>
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
        return;
      case 'end':
        return this.driver.suspend(step.ref, endWithinMs);
    }
  }
}

function isOf(endpoint: EndpointId): (compute: RunningCompute) => boolean {
  return (compute) => compute.endpoint === endpoint;
}

function ownedByOthers(records: readonly EndpointRecord[]): ReadonlySet<EndpointId> {
  return new Set(
    records.filter(({ compute }) => compute.kind !== 'suspended' && compute.owner.lives).map((record) => record.id),
  );
}
