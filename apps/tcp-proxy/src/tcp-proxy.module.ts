// Composition: which part gets which. Nest makes the parts once and runs their start and end in order; nothing of it is
// touched per connection.

import { type DynamicModule, Module } from '@nestjs/common';
import { createConnector } from '@pgwake/connect-core';
import { millis } from '@pgwake/ids';
import { Readiness, StartupError } from '@pgwake/nest-kit';
import { type ComputeNetwork, createComputeNetwork } from '@pgwake/pg-dial';
import { CancelKeys } from '@pgwake/pg-session';
import {
  type Logger,
  type MetricsRegistry,
  type ProxyMetrics,
  createProxyMetrics,
  createRegistry,
} from '@pgwake/telemetry';
import { type WakeClient, createWakeClient } from '@pgwake/wake-client';
import { Lifecycle } from './lifecycle.js';
import { Listener } from './listener.js';
import { type OpenNodeCache, openNodeCache } from './node-cache.js';
import { createSessionLog } from './session-log.js';
import type { TcpProxySettings } from './settings.js';
import { systemClock } from './system-clock.js';
import { loadSecureContext } from './tls.js';
import { logToken, metricsToken, nodeCacheToken, registryToken, settingsToken, wakeClientToken } from './tokens.js';

@Module({})
export class TcpProxyModule {
  static with(settings: TcpProxySettings, log: Logger): DynamicModule {
    return {
      module: TcpProxyModule,
      providers: [
        { provide: settingsToken, useValue: settings },
        { provide: logToken, useValue: log },
        { provide: Readiness, useFactory: () => new Readiness() },
        { provide: registryToken, useFactory: () => createRegistry('tcp-proxy') },
        {
          provide: metricsToken,
          useFactory: (registry: MetricsRegistry) => createProxyMetrics(registry),
          inject: [registryToken],
        },
        { provide: wakeClientToken, useFactory: () => createWakeClient({ address: settings.wakeAddress }) },
        {
          provide: nodeCacheToken,
          useFactory: (metrics: ProxyMetrics) => openNodeCache(settings, log, metrics),
          inject: [metricsToken],
        },
        {
          provide: Listener,
          useFactory: (wake: WakeClient, cache: OpenNodeCache, metrics: ProxyMetrics) =>
            createListener(settings, log, wake, cache, metrics),
          inject: [wakeClientToken, nodeCacheToken, metricsToken],
        },
        Lifecycle,
      ],
    };
  }
}

function createListener(
  settings: TcpProxySettings,
  log: Logger,
  wake: WakeClient,
  cache: OpenNodeCache,
  metrics: ProxyMetrics,
): Listener {
  const connector = createConnector({
    cache,
    wake,
    clock: systemClock,
    random: Math.random,
    policy: { deadlineMs: millis(settings.connectTimeoutMs), dialsInFlightPerEndpoint: settings.dialsInFlight },
  });
  return new Listener({
    host: settings.host,
    port: settings.port,
    secureContext: loadSecureContext(settings),
    session: {
      access: wake,
      connector,
      network: loadComputeNetwork(settings),
      cancelKeys: new CancelKeys(),
      authentication: { ...settings, domains: settings.domains.map(bareDomain) },
      loginTimeoutMs: settings.loginTimeoutMs,
      wakeNoticeAfterMs: settings.wakeNoticeAfterMs,
      observer: createSessionLog(log, metrics),
    },
    onOpenSessions: (count) => metrics.openSessions.set(count),
  });
}

function loadComputeNetwork({ dnsServers, computeNetworks }: TcpProxySettings): ComputeNetwork {
  try {
    return createComputeNetwork({ nameServers: dnsServers, networks: computeNetworks });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StartupError(`Settings: PGWAKE_DNS_SERVERS or PGWAKE_COMPUTE_NETWORKS: ${error.message}.`, {
      cause: error,
    });
  }
}

/** As DNS compares names: in lower case, without the dot of the root. */
function bareDomain(domain: string): string {
  return domain.toLowerCase().replace(/^\.+|\.+$/g, '');
}
