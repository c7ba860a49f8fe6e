// Composition: the door of this proxy, on what all proxies are made of. Nest wires, and is not in the way of any request.

import { type DynamicModule, Module } from '@nestjs/common';
import { StartupError, systemClock } from '@pgwake/nest-kit';
import { type PasswordCheck, createPasswordCheck } from '@pgwake/password-check';
import type { QueryConnection, WatchSilence } from '@pgwake/pg-query';
import { type SessionDeps, type SilenceWatch, computeAddressOf } from '@pgwake/pg-session';
import {
  type CertificateStore,
  type ClientDoor,
  ProxyParts,
  bareDomain,
  clientDoorToken,
  createProxyProviders,
  createSessionDeps,
  loadLoadBalancers,
} from '@pgwake/proxy-kit';
import { type SqlPool, createSqlPool } from '@pgwake/sql-pool';
import { type HttpMetrics, type Logger, createHttpMetrics } from '@pgwake/telemetry';
import { createTokenCheck } from '@pgwake/token-check';
import { createComputePool } from './compute-pool.js';
import { HttpDoor } from './http-door.js';
import { createJourneyLog, createPoolObserver, createRequestLog, createUnknownClientLog } from './request-log.js';
import { loadKeyFetch } from './key-fetch.js';
import { toPoolSettings } from './pool-settings.js';
import type { HttpProxySettings } from './settings.js';
import { SqlRoute } from './sql-route.js';
import { WebSocketSessions } from './web-socket-sessions.js';

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
        ...createProxyProviders({ app: 'http-proxy', settings, host, socketsPerClient: 3, ops, log }),
        {
          provide: clientDoorToken,
          useFactory: (parts: ProxyParts) => createDoor(settings, log, parts),
          inject: [ProxyParts],
        },
      ],
    };
  }
}

function createDoor(settings: HttpProxySettings, log: Logger, parts: ProxyParts): ClientDoor {
  const http = createHttpMetrics(parts.registry, () => pool.stats());
  const pool: SqlPool<QueryConnection> = createSqlPool({
    settings: toPoolSettings(settings, parts.capacity),
    clock: systemClock,
    observer: createPoolObserver(http),
  });
  parts.nodeCache.onGenerationOver((ref) => pool.endGeneration(ref));
  const { access } = parts;
  // One for requests and sessions: what is known of a password, and the turns of endpoints, hold for both.
  const passwords = createPasswordCheck({ access, verifiers: 'recent', now: () => systemClock.now() });
  const sessions = createSessionDeps(
    // Whether clients need TLS is said by PGWAKE_HTTP_TLS. Drivers send the password unasked, with the startup packet.
    { ...settings, requireTls: 'never', passwordMethod: 'cleartext' },
    // And who sends it unasked computes nothing meanwhile.
    { ...parts, passwords, loginsAhead: undefined },
  );
  const door = new HttpDoor({
    ...settings,
    certificates: certificatesOf(settings, parts),
    isLoadBalancer: loadLoadBalancers(settings),
    sql: createSqlRoute(settings, log, { ...parts, passwords, sessions }, pool, http),
    webSockets: createWebSockets(settings, sessions),
    limits: parts.limits,
    onOpenConnections: (count) => parts.metrics.openSessions.set(count),
    onRepeat: () => void (http.repeats.requests += 1),
    onUnknownClient: createUnknownClientLog(log, parts.metrics),
  });
  return {
    start: () => door.start(),
    async drain(limitMs) {
      await door.drain(limitMs);
      await pool.drain();
    },
  };
}

type SqlParts = ProxyParts & { readonly passwords: PasswordCheck; readonly sessions: SessionDeps };

function createSqlRoute(
  settings: HttpProxySettings,
  log: Logger,
  { access, passwords, sessions, connector, network, metrics }: SqlParts,
  pool: SqlPool<QueryConnection>,
  http: HttpMetrics,
): SqlRoute {
  const now = () => systemClock.now();
  return new SqlRoute({
    passwords,
    tokens: createTokenCheck({ access, fetchKeys: loadKeyFetch(settings), now, wallClock: () => new Date() }),
    pool: createComputePool({
      pool,
      connector,
      network,
      connection: {
        maxMessageBytes: settings.maxResponseBytes,
        cancelLimitMs,
        watchSilence: createSilenceWatch(sessions.silenceWatch),
      },
      onJourney: createJourneyLog(log, metrics),
    }),
    domains: settings.domains.map(bareDomain),
    limits: settings,
    observer: createRequestLog(log, metrics, http),
  });
}

/** Queries and sessions are under one watch: one question to a compute's address serves all that wait there. */
function createSilenceWatch(watch: SilenceWatch): WatchSilence {
  return (socket, { isAnswerDue, onLost }) => {
    const compute = { address: computeAddressOf(socket), socket, isAnswerDue, onSilence: onLost };
    watch.watch(compute);
    return () => watch.forget(compute);
  };
}

function createWebSockets(settings: HttpProxySettings, sessions: SessionDeps): WebSocketSessions {
  return new WebSocketSessions(
    {
      maxMessageBytes: settings.webSocketMaxMessageBytes,
      allowedOrigins: settings.webSocketOrigins,
      pingIntervalMs: settings.webSocketPingIntervalMs,
      idleTimeoutMs: settings.webSocketIdleTimeoutMs,
    },
    sessions,
  );
}

function certificatesOf({ tls }: HttpProxySettings, { certificates }: ProxyParts): CertificateStore | undefined {
  if (tls === 'off') return undefined;
  if (certificates !== undefined) return certificates;
  throw new StartupError('Settings: PGWAKE_HTTP_TLS=on needs PGWAKE_TLS_CERT_FILE and PGWAKE_TLS_KEY_FILE.');
}
