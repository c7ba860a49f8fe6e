// What requests and the pool tell the log and the metrics. A line for each request that went wrong and for each connection
// made; a request that went well has one at level debug only, as there may be thousands a second. Never the query.

import { GatewayError, isGatewayError } from '@pgwake/gateway-errors';
import { observeJourney, toJourneyKeys } from '@pgwake/proxy-kit';
import type { PoolObserver } from '@pgwake/sql-pool';
import { type HttpMetrics, type Logger, type ProxyMetrics, errorKeys } from '@pgwake/telemetry';
import type { ComputePoolDeps } from './compute-pool.js';
import type { HttpDoorOptions } from './http-door.js';
import type { RequestFacts, SqlObserver } from './sql-route.js';

export function createRequestLog(log: Logger, metrics: ProxyMetrics, http: HttpMetrics): SqlObserver {
  const answered = http.requestSeconds.series('ok');
  return {
    served(facts) {
      const { error } = facts;
      const series = error === undefined ? answered : http.requestSeconds.series(error.entry.blame);
      series.observe(facts.durationMs / 1000);
      if (error === undefined) {
        if (log.isLevelEnabled('debug')) log.debug(keysOf(facts), 'request answered');
        return;
      }
      const { blame, logLevel } = error.entry;
      metrics.countError(error.code, blame);
      if (log.isLevelEnabled(logLevel)) log[logLevel]({ ...keysOf(facts), ...errorKeys(error) }, 'request refused');
    },
  };
}

/** A journey that failed is told with the request it was made for. */
export function createJourneyLog(log: Logger, metrics: ProxyMetrics): ComputePoolDeps['onJourney'] {
  return ({ caller: { endpoint, role, database }, sessionId }, journey, error) => {
    observeJourney(metrics, journey, error === undefined ? 'connected' : 'failed');
    const keys = { sessionId, endpoint, role, database, ...toJourneyKeys(journey) };
    if (error === undefined) log.info(keys, 'connected');
    else log.info({ ...keys, code: error.code }, 'not connected');
  };
}

/** A connection from a load balancer that did not say whose it is. */
export function createUnknownClientLog(log: Logger, metrics: ProxyMetrics): HttpDoorOptions['onUnknownClient'] {
  return (address, cause) => {
    const error = isGatewayError(cause) ? cause : new GatewayError('INTERNAL', { cause });
    metrics.countError(error.code, error.entry.blame);
    log[error.entry.logLevel]({ peer: address, ...errorKeys(error) }, 'connection refused');
  };
}

export function createPoolObserver(http: HttpMetrics): PoolObserver {
  const waits = { reused: http.poolWaitSeconds.series('reused'), opened: http.poolWaitSeconds.series('opened') };
  return {
    onServed: (how, waitedMs) => waits[how].observe(waitedMs / 1000),
    onRefused: (why) => http.poolRefusals.inc({ why }),
    onReset: (outcome) => void (http.poolResets[outcome] += 1),
    onClosed: (reason) => http.poolCloses.inc({ reason }),
  };
}

function keysOf({ exchange, endpoint, role, durationMs }: RequestFacts): Record<string, unknown> {
  const { id: sessionId, client } = exchange;
  return { sessionId, peer: client.address, endpoint, role, durationMs: Math.round(durationMs * 10) / 10 };
}
