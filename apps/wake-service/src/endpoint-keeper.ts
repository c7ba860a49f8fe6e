// Makes and removes endpoints: the row in the catalog, and the durable home at the driver. Interrupted anywhere, what was
// begun is finished by the first wake (making) or by the next instance (removing).

import type { EndpointId } from '@pgwake/ids';
import { type Logger, errorKeys } from '@pgwake/telemetry';
import type { Catalog, ComputeDriver, EndpointRecord, NewEndpoint } from '@pgwake/wake-core';
import type { ComputeSuspender } from './computes/suspend-compute.js';

export class EndpointKeeper {
  constructor(
    private readonly catalog: Catalog,
    private readonly driver: ComputeDriver,
    private readonly suspender: ComputeSuspender,
    private readonly log: Logger,
  ) {}

  /** `undefined`: the name is taken. Rejects when the home cannot be made; then there is no endpoint either. */
  async create(endpoint: NewEndpoint, signal: AbortSignal): Promise<EndpointRecord | undefined> {
    const record = await this.catalog.create(endpoint);
    if (!record) return undefined;
    try {
      await this.driver.prepare(endpoint.id, signal);
    } catch (error) {
      await this.remove(endpoint.id);
      throw error;
    }
    return record;
  }

  /** False: there is no such endpoint. The home goes before the row: a new endpoint of that name must not find old data. */
  async remove(id: EndpointId): Promise<boolean> {
    if (!(await this.catalog.beginDelete(id))) return false;
    await this.suspender.suspend(id, { kind: 'deletion' });
    await this.driver.destroy(id);
    await this.catalog.completeDelete(id);
    return true;
  }

  /** What an earlier instance began to remove. */
  async finishRemovals(): Promise<void> {
    for (const record of await this.catalog.list()) {
      if (record.availability !== 'deleting') continue;
      await this.remove(record.id).catch((error: unknown) =>
        this.log.error({ endpoint: record.id, ...errorKeys(error) }, 'removal failed'),
      );
    }
  }
}
