import { type Blame, type ErrorCode } from '@pgwake/gateway-errors';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { MetricsRegistry } from './registry.js';

const secondsBuckets = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What the proxies measure. Labels come from closed sets only, so no client can grow them. */
export interface ProxyMetrics {
  readonly openSessions: Gauge;
  /** From the end of authentication to a proven connection. `start`: running, started, joined, or cached. */
  readonly connectSeconds: Histogram<'outcome' | 'start'>;
  /** Where that time went. `phase`: wake, dial, sleep, queue. */
  readonly connectPhaseSeconds: Histogram<'phase'>;
  /** Look-ups of node addresses. `tier`: memory, shared. `outcome`: hit, miss, or why what was found is not used. */
  readonly nodeCacheReads: Counter<'tier' | 'outcome'>;
  /** Computes that were dialled while their clients computed their proofs. `result`: used, unused, failed. */
  readonly dialsAhead: Counter<'result'>;
  /** What was shared with other proxies. `outcome`: stored, evicted, failed, unsigned. */
  readonly nodeCacheWrites: Counter<'outcome'>;
  /** What others shared. `outcome`: eviction, ignored. */
  readonly nodeCacheMessages: Counter<'outcome'>;
  /** `outcome`: loaded, refused. */
  readonly certificateLoads: Counter<'outcome'>;
  /** Unix time in seconds; nothing where no TLS is offered. */
  readonly certificateNotAfter: Gauge<'certificate'>;
  /** Clients that a limit kept out. `limit`: as in docs/limits.md. */
  readonly refusals: Counter<'limit'>;
  /** `result`: sent, unknownKey, notAllowed, limited, failed. */
  readonly cancelRequests: Counter<'result'>;
  /** Computes that were asked for a sign of life. `result`: alive, silent, failed. */
  readonly computeProbes: Counter<'result'>;
  readonly relayedBytes: Counter<'direction'>;
  /** Of the latest window; see docs/limits.md. */
  readonly eventLoopDelaySeconds: Gauge;
  /** 1 while no new clients are let in because of it, otherwise 0. */
  readonly eventLoopLate: Gauge;
  countError(code: ErrorCode, blame: Blame): void;
}

export function createProxyMetrics(registry: MetricsRegistry): ProxyMetrics {
  const registers = [registry];
  const errors = new Counter({
    name: 'pgwake_errors_total',
    help: 'Errors told to clients, by code of the catalogue and by who has to act',
    labelNames: ['code', 'blame'],
    registers,
  });
  return {
    openSessions: new Gauge({ name: 'pgwake_open_sessions', help: 'Client sessions open now', registers }),
    connectSeconds: new Histogram({
      name: 'pgwake_connect_seconds',
      help: 'Time from authentication to a proven connection to the compute',
      labelNames: ['outcome', 'start'],
      buckets: secondsBuckets,
      registers,
    }),
    connectPhaseSeconds: new Histogram({
      name: 'pgwake_connect_phase_seconds',
      help: 'Parts of that time: waiting for the wake, dialling, sleeping before a retry, queueing for a dial',
      labelNames: ['phase'],
      buckets: secondsBuckets,
      registers,
    }),
    dialsAhead: new Counter({
      name: 'pgwake_dials_ahead_total',
      help: 'Computes that were dialled while their clients computed their proofs, by whether that was of use',
      labelNames: ['result'],
      registers,
    }),
    nodeCacheReads: new Counter({
      name: 'pgwake_node_cache_reads_total',
      help: 'Look-ups of node addresses, by tier of the node cache and by outcome',
      labelNames: ['tier', 'outcome'],
      registers,
    }),
    nodeCacheWrites: new Counter({
      name: 'pgwake_node_cache_writes_total',
      help: 'Node addresses and evictions written to Redis',
      labelNames: ['outcome'],
      registers,
    }),
    nodeCacheMessages: new Counter({
      name: 'pgwake_node_cache_messages_total',
      help: 'Messages heard on the eviction channel',
      labelNames: ['outcome'],
      registers,
    }),
    certificateLoads: new Counter({
      name: 'pgwake_certificate_loads_total',
      help: 'Times the TLS certificate was read because it was new, by whether it could be used',
      labelNames: ['outcome'],
      registers,
    }),
    certificateNotAfter: new Gauge({
      name: 'pgwake_certificate_not_after_seconds',
      help: 'When the TLS certificate in use expires, as Unix time',
      labelNames: ['certificate'],
      registers,
    }),
    refusals: new Counter({
      name: 'pgwake_refusals_total',
      help: 'Clients and requests refused because of a limit',
      labelNames: ['limit'],
      registers,
    }),
    cancelRequests: new Counter({
      name: 'pgwake_cancel_requests_total',
      help: 'Cancel requests, by what became of them',
      labelNames: ['result'],
      registers,
    }),
    computeProbes: new Counter({
      name: 'pgwake_compute_probes_total',
      help: 'Computes that were asked for a sign of life because they owed an answer, by what came of it',
      labelNames: ['result'],
      registers,
    }),
    relayedBytes: new Counter({
      name: 'pgwake_relayed_bytes_total',
      help: 'Bytes relayed in finished sessions',
      labelNames: ['direction'],
      registers,
    }),
    eventLoopDelaySeconds: new Gauge({
      name: 'pgwake_event_loop_delay_seconds',
      help: 'How late the event loop was at its worst in the latest window of two seconds',
      registers,
    }),
    eventLoopLate: new Gauge({
      name: 'pgwake_event_loop_late',
      help: 'Whether new clients are refused because the event loop is late',
      registers,
    }),
    countError: (code, blame) => errors.inc({ code, blame }),
  };
}
