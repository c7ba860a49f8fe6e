import { Counter, Gauge } from 'prom-client';
import { QuickHistogram } from './quick-histogram.js';
import type { MetricsRegistry } from './registry.js';

/** What http-proxy measures beyond what all proxies do. Labels come from closed sets only. */
export interface HttpMetrics {
  /** From the head of a request to the end of its answer. `outcome`: ok, or who has to act. */
  readonly requestSeconds: QuickHistogram<'outcome'>;
  /** Requests so far that were known by the head of the one before, and not parsed; read whenever the metrics are. */
  readonly repeats: { requests: number };
  /** How long requests waited for a connection of the pool. `how`: reused, opened (the opening not counted). */
  readonly poolWaitSeconds: QuickHistogram<'how'>;
  /** Requests that got no connection. `why`: queueFull, waitedTooLong. */
  readonly poolRefusals: Counter<'why'>;
  /** Resets so far; read whenever the metrics are. */
  readonly poolResets: Record<'clean' | 'failed', number>;
  /** Connections that left the pool, by reason. */
  readonly poolCloses: Counter<'reason'>;
}

export interface PoolFigures {
  readonly open: number;
  readonly idle: number;
  readonly waiting: number;
}

/** `readPool` is asked whenever the metrics are. */
export function createHttpMetrics(registry: MetricsRegistry, readPool: () => PoolFigures): HttpMetrics {
  const registers = [registry];
  new Gauge({
    name: 'pgwake_pool_connections',
    help: 'Connections of the pool that are open or being opened, those of them that are idle, and requests waiting for one',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries(readPool())) this.set({ state }, count);
    },
  });
  const repeats = { requests: 0 };
  new Counter({
    name: 'pgwake_http_repeated_requests_total',
    help: 'Requests of HTTP/1.1 with the same head as one before on their connection, which was not parsed again',
    registers,
    collect() {
      this.reset();
      this.inc(repeats.requests);
    },
  });
  const poolResets = { clean: 0, failed: 0 };
  new Counter({
    name: 'pgwake_pool_resets_total',
    help: 'Resets of connections between two requests',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset();
      for (const [outcome, count] of Object.entries(poolResets)) this.inc({ outcome }, count);
    },
  });
  return {
    requestSeconds: new QuickHistogram({
      name: 'pgwake_http_request_seconds',
      help: 'Time from the head of a request to the end of its answer',
      label: 'outcome',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registry,
    }),
    repeats,
    poolWaitSeconds: new QuickHistogram({
      name: 'pgwake_pool_wait_seconds',
      help: 'Time that requests waited for a connection of the pool',
      label: 'how',
      buckets: [0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5],
      registry,
    }),
    poolRefusals: new Counter({
      name: 'pgwake_pool_refusals_total',
      help: 'Requests that got no connection of the pool',
      labelNames: ['why'],
      registers,
    }),
    poolResets,
    poolCloses: new Counter({
      name: 'pgwake_pool_closes_total',
      help: 'Connections that left the pool, by reason',
      labelNames: ['reason'],
      registers,
    }),
  };
}
