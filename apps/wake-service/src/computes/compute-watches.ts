// The computes this instance looks after. One watch per running compute; it ends by itself when the record says that
// there is nothing left to watch.

import type { EndpointId, Millis } from '@pgwake/ids';
import type { Logger, WakeMetrics } from '@pgwake/telemetry';
import { type Catalog, type ComputeRef, type RunningCompute, isSameCompute } from '@pgwake/wake-core';
import { ComputeWatch, type WatchDeps } from './compute-watch.js';
import type { Exits } from './exits.js';
import type { ServiceLinks } from './service-links.js';

export class ComputeWatches {
  readonly #watches = new Map<EndpointId, ComputeWatch>();
  readonly #deps: WatchDeps;

  constructor(
    catalog: Catalog,
    links: ServiceLinks,
    exits: Exits,
    private readonly metrics: WakeMetrics,
    log: Logger,
    idleSuspendAfterMs: Millis,
    suspend: WatchDeps['suspend'],
  ) {
    this.#deps = {
      catalog,
      links,
      exits,
      log,
      idleSuspendAfterMs,
      suspend,
      ended: (compute) => this.end(compute),
    };
    catalog.onChange((endpoint) => {
      if (endpoint === undefined) for (const watch of this.#watches.values()) watch.recordChanged();
      else this.#watches.get(endpoint)?.recordChanged();
    });
  }

  begin(compute: RunningCompute, idleSuspendAfterMs: Millis | undefined): void {
    this.#watches.get(compute.endpoint)?.stop();
    this.#watches.set(compute.endpoint, new ComputeWatch(compute, idleSuspendAfterMs, this.#deps));
    this.metrics.runningComputes.set(this.#watches.size);
  }

  end(ref: ComputeRef): void {
    const watch = this.#watches.get(ref.endpoint);
    if (!watch || !isSameCompute(watch.compute, ref)) return;
    watch.stop();
    this.#watches.delete(ref.endpoint);
    this.metrics.runningComputes.set(this.#watches.size);
  }

  watched(): readonly EndpointId[] {
    return [...this.#watches.keys()];
  }

  close(): void {
    for (const watch of this.#watches.values()) watch.stop();
    this.#watches.clear();
  }
}
