import { Counter, Gauge, Histogram } from 'prom-client';
import type { MetricsRegistry } from './registry.js';

/** What wake-service measures. Labels come from closed sets only. */
export interface WakeMetrics {
  /** Answers to WakeCompute. `outcome`: running, started, joined, or the failure's reason. */
  readonly wakes: Counter<'outcome'>;
  readonly startSeconds: Histogram<'outcome'>;
  readonly runningComputes: Gauge;
  /** `reason`: idle, asked, shutdown. */
  readonly suspends: Counter<'reason'>;
  /** Computes that ended without having been suspended. */
  readonly crashes: Counter;
}

export function createWakeMetrics(registry: MetricsRegistry): WakeMetrics {
  const registers = [registry];
  return {
    wakes: new Counter({
      name: 'pgwake_wakes_total',
      help: 'Answers to wake requests',
      labelNames: ['outcome'],
      registers,
    }),
    startSeconds: new Histogram({
      name: 'pgwake_start_seconds',
      help: 'Time to start a compute, from the decision to the answer',
      labelNames: ['outcome'],
      buckets: [0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    runningComputes: new Gauge({ name: 'pgwake_running_computes', help: 'Computes running now', registers }),
    suspends: new Counter({
      name: 'pgwake_suspends_total',
      help: 'Computes put to sleep',
      labelNames: ['reason'],
      registers,
    }),
    crashes: new Counter({
      name: 'pgwake_compute_crashes_total',
      help: 'Computes that ended without having been suspended',
      registers,
    }),
  };
}
