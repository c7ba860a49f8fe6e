// What every proxy is made of behind its door: wake-service, node cache, connector, ops port. Nest makes the parts once and
// runs their start and end in order; nothing of it is touched per connection.

import type { Provider } from '@nestjs/common';
import { type Connector, createConnector } from '@pgwake/connect-core';
import { millis } from '@pgwake/ids';
import { type OpsServerOptions, Readiness, systemClock } from '@pgwake/nest-kit';
import { type Logger, type ProxyMetrics, createProxyMetrics, createRegistry } from '@pgwake/telemetry';
import { type WakeClient, createWakeClient } from '@pgwake/wake-client';
import { createCertificateLog } from './certificate-log.js';
import { openCertificateStore } from './certificate-store.js';
import { openCancelKeys } from './cancel-keys.js';
import { createClientLimits } from './client-limits.js';
import { loadComputeNetwork } from './compute-network.js';
import { type EventLoopWatch, watchEventLoop } from './event-loop-watch.js';
import { Lifecycle } from './lifecycle.js';
import { type OpenNodeCache, openNodeCache } from './node-cache.js';
import { planCapacity, readProcessLimits } from './process-limits.js';
import { ProxyParts } from './proxy-parts.js';
import type { ProxySettings } from './proxy-settings.js';
import { createSessionLog } from './session-log.js';
import {
  certificatesToken,
  cancelKeysToken,
  capacityToken,
  clientLimitsToken,
  computeNetworkToken,
  connectorToken,
  eventLoopWatchToken,
  logToken,
  metricsToken,
  nodeCacheToken,
  optionsToken,
  registryToken,
  sessionObserverToken,
  wakeClientToken,
} from './tokens.js';

export interface ProxyOptions {
  /** As logs and metrics name it. */
  readonly app: string;
  readonly settings: ProxySettings;
  /** The address on which its clients are accepted, for the log. */
  readonly host: string;
  /** Its own, the one to its compute, and one more where connections to computes stay when their clients have left. */
  readonly socketsPerClient: number;
  readonly ops: Pick<OpsServerOptions, 'host' | 'port' | 'setting'>;
  readonly log: Logger;
}

/** An app adds one provider of its own: its ClientDoor, made from {@link ProxyParts}, under `clientDoorToken`. */
export function createProxyProviders(options: ProxyOptions): Provider[] {
  const { settings, log } = options;
  return [
    { provide: optionsToken, useValue: options },
    { provide: logToken, useValue: log },
    { provide: Readiness, useFactory: () => new Readiness() },
    { provide: registryToken, useFactory: () => createRegistry(options.app) },
    { provide: metricsToken, useFactory: createProxyMetrics, inject: [registryToken] },
    {
      provide: certificatesToken,
      useFactory: (metrics: ProxyMetrics) => openCertificateStore(settings, createCertificateLog(log, metrics)),
      inject: [metricsToken],
    },
    { provide: wakeClientToken, useFactory: () => createWakeClient({ address: settings.wakeAddress }) },
    { provide: computeNetworkToken, useFactory: () => loadComputeNetwork(settings) },
    {
      provide: eventLoopWatchToken,
      useFactory: (metrics: ProxyMetrics) => startEventLoopWatch(settings, log, metrics),
      inject: [metricsToken],
    },
    { provide: capacityToken, useFactory: () => capacityOf(options) },
    {
      provide: clientLimitsToken,
      useFactory: (capacity: number, watch: EventLoopWatch, metrics: ProxyMetrics) =>
        createClientLimits(capacity, settings, watch, metrics),
      inject: [capacityToken, eventLoopWatchToken, metricsToken],
    },
    { provide: cancelKeysToken, useFactory: () => openCancelKeys(settings, log) },
    {
      provide: nodeCacheToken,
      useFactory: (metrics: ProxyMetrics) => openNodeCache(settings, log, metrics),
      inject: [metricsToken],
    },
    {
      provide: connectorToken,
      useFactory: (cache: OpenNodeCache, wake: WakeClient) => connectorOf(settings, cache, wake),
      inject: [nodeCacheToken, wakeClientToken],
    },
    {
      provide: sessionObserverToken,
      useFactory: (metrics: ProxyMetrics) => createSessionLog(log, metrics),
      inject: [metricsToken],
    },
    ProxyParts,
    Lifecycle,
  ];
}

/** Throws a StartupError when there is room for nobody. */
function capacityOf({ settings: { maxConnections }, socketsPerClient, log }: ProxyOptions): number {
  const limits = readProcessLimits();
  const { connections, boundBy } = planCapacity(maxConnections, socketsPerClient, limits);
  if (boundBy === undefined) log.info({ connections }, 'room for so many clients at once');
  else log.warn({ connections, maxConnections, boundBy, ...limits }, 'the process has room for fewer clients than set');
  return connections;
}

function startEventLoopWatch(
  { maxEventLoopDelayMs }: ProxySettings,
  log: Logger,
  metrics: ProxyMetrics,
): EventLoopWatch {
  return watchEventLoop({
    maxDelayMs: maxEventLoopDelayMs,
    onWindow(delayMs, isLate, changed) {
      metrics.eventLoopDelaySeconds.set(delayMs / 1000);
      metrics.eventLoopLate.set(isLate ? 1 : 0);
      if (!changed) return;
      if (isLate) log.warn({ delayMs, maxEventLoopDelayMs }, 'the event loop is late: no new clients are accepted');
      else log.info({ delayMs }, 'the event loop has caught up: clients are accepted again');
    },
  });
}

function connectorOf(settings: ProxySettings, cache: OpenNodeCache, wake: WakeClient): Connector {
  return createConnector({
    cache,
    wake,
    clock: systemClock,
    random: Math.random,
    policy: { deadlineMs: millis(settings.connectTimeoutMs), dialsInFlightPerEndpoint: settings.dialsInFlight },
  });
}
