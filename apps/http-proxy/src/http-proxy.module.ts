// Composition: the door of this proxy, on what all proxies are made of. Nest wires, and is not in the way of any request.

import { type DynamicModule, Module } from '@nestjs/common';
import type { Connector } from '@pgwake/connect-core';
import type { ClientLimits } from '@pgwake/limits';
import { StartupError } from '@pgwake/nest-kit';
import { createPasswordCheck } from '@pgwake/password-check';
import type { ComputeNetwork } from '@pgwake/pg-dial';
import type { QueryConnection } from '@pgwake/pg-query';
import {
  type CertificateStore,
  type ClientDoor,
  type OpenNodeCache,
  bareDomain,
  certificatesToken,
  clientDoorToken,
  clientLimitsToken,
  computeNetworkToken,
  connectorToken,
  createProxyProviders,
  metricsToken,
  nodeCacheToken,
  registryToken,
  systemClock,
  wakeClientToken,
} from '@pgwake/proxy-kit';
import { type SqlPool, createSqlPool } from '@pgwake/sql-pool';
import { type Logger, type MetricsRegistry, type ProxyMetrics, createHttpMetrics } from '@pgwake/telemetry';
import type { WakeClient } from '@pgwake/wake-client';
import { createComputePool } from './compute-pool.js';
import { HttpDoor } from './http-door.js';
import { createJourneyLog, createPoolObserver, createRequestLog } from './request-log.js';
import type { HttpProxySettings } from './settings.js';
import { SqlRoute } from './sql-route.js';

/** After a request was called off; then its connection is ended. */
const cancelLimitMs = 5_000;

@Module({})
export class HttpProxyModule {
  static with(settings: HttpProxySettings, log: Logger): DynamicModule {
    const { host, opsHost, opsPort } = settings;
    const ops = { host: opsHost, port: opsPort, setting: 'PGWAKE_HTTP_OPS_HOST and PGWAKE_HTTP_OPS_PORT' };
    return {
      module: HttpProxyModule,
      providers: [
        ...createProxyProviders({ app: 'http-proxy', settings, host, ops, log }),
        {
          provide: clientDoorToken,
          useFactory: (
            access: WakeClient,
            nodeCache: OpenNodeCache,
            connector: Connector,
            network: ComputeNetwork,
            limits: ClientLimits,
            registry: MetricsRegistry,
            metrics: ProxyMetrics,
            certificates: CertificateStore | undefined,
          ) =>
            createDoor(settings, log, {
              access,
              nodeCache,
              connector,
              network,
              limits,
              registry,
              metrics,
              certificates,
            }),
          inject: [
            wakeClientToken,
            nodeCacheToken,
            connectorToken,
            computeNetworkToken,
            clientLimitsToken,
            registryToken,
            metricsToken,
            certificatesToken,
          ],
        },
      ],
    };
  }
}

interface Parts {
  readonly access: WakeClient;
  readonly nodeCache: OpenNodeCache;
  readonly connector: Connector;
  readonly network: ComputeNetwork;
  readonly limits: ClientLimits;
  readonly registry: MetricsRegistry;
  readonly metrics: ProxyMetrics;
  readonly certificates: CertificateStore | undefined;
}

function createDoor(settings: HttpProxySettings, log: Logger, parts: Parts): ClientDoor {
  const { access, nodeCache, connector, network, limits, registry, metrics } = parts;
  const { maxResponseBytes: maxMessageBytes } = settings;
  const http = createHttpMetrics(registry, () => pool.stats());
  const pool: SqlPool<QueryConnection> = createSqlPool({
    settings: { maxPerEndpoint: settings.poolMaxPerEndpoint, idleTimeoutMs: settings.poolIdleTimeoutMs },
    clock: systemClock,
    observer: createPoolObserver(http),
  });
  // Said before the compute is ended; its connections go first.
  nodeCache.onGenerationOver((ref) => pool.endGeneration(ref));
  const sql = new SqlRoute({
    passwords: createPasswordCheck({ access, now: () => systemClock.now() }),
    pool: createComputePool({
      pool,
      connector,
      network,
      connection: { maxMessageBytes, cancelLimitMs },
      onJourney: createJourneyLog(log, metrics),
    }),
    domains: settings.domains.map(bareDomain),
    limits: settings,
    observer: createRequestLog(log, metrics, http),
  });
  const door = new HttpDoor({
    ...settings,
    certificates: certificatesOf(settings, parts),
    sql,
    limits,
    onOpenConnections: (count) => metrics.openSessions.set(count),
  });
  return {
    start: () => door.start(),
    async drain(limitMs) {
      await door.drain(limitMs);
      await pool.drain();
    },
  };
}

function certificatesOf({ tls }: HttpProxySettings, { certificates }: Parts): CertificateStore | undefined {
  if (tls === 'off') return undefined;
  if (certificates !== undefined) return certificates;
  throw new StartupError('Settings: PGWAKE_HTTP_TLS=on needs PGWAKE_TLS_CERT_FILE and PGWAKE_TLS_KEY_FILE.');
}
