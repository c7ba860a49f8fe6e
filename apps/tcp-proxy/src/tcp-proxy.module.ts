// Composition: the door of this proxy, on what all proxies are made of.

import { type DynamicModule, Module } from '@nestjs/common';
import type { CancelKeys } from '@pgwake/cancel-keys';
import type { Connector } from '@pgwake/connect-core';
import type { ClientLimits } from '@pgwake/limits';
import type { ComputeNetwork } from '@pgwake/pg-dial';
import type { SessionObserver } from '@pgwake/pg-session';
import {
  type CertificateStore,
  certificatesToken,
  clientDoorToken,
  cancelKeysToken,
  clientLimitsToken,
  computeNetworkToken,
  connectorToken,
  createProxyProviders,
  createSessionDeps,
  loadLoadBalancers,
  metricsToken,
  sessionObserverToken,
  wakeClientToken,
} from '@pgwake/proxy-kit';
import type { Logger, ProxyMetrics } from '@pgwake/telemetry';
import type { WakeClient } from '@pgwake/wake-client';
import { Listener } from './listener.js';
import type { TcpProxySettings } from './settings.js';

@Module({})
export class TcpProxyModule {
  static with(settings: TcpProxySettings, log: Logger): DynamicModule {
    const { host, port, opsHost, opsPort } = settings;
    const ops = { host: opsHost, port: opsPort, setting: 'PGWAKE_TCP_OPS_HOST and PGWAKE_TCP_OPS_PORT' };
    return {
      module: TcpProxyModule,
      providers: [
        ...createProxyProviders({ app: 'tcp-proxy', settings, host, ops, log }),
        {
          provide: clientDoorToken,
          useFactory: (
            access: WakeClient,
            connector: Connector,
            network: ComputeNetwork,
            observer: SessionObserver,
            cancelKeys: CancelKeys,
            limits: ClientLimits,
            metrics: ProxyMetrics,
            certificates: CertificateStore | undefined,
          ) =>
            new Listener({
              host,
              port,
              certificates,
              isLoadBalancer: loadLoadBalancers(settings),
              limits,
              session: createSessionDeps(settings, { access, connector, network, cancelKeys, observer }),
              onOpenSessions: (count) => metrics.openSessions.set(count),
            }),
          inject: [
            wakeClientToken,
            connectorToken,
            computeNetworkToken,
            sessionObserverToken,
            cancelKeysToken,
            clientLimitsToken,
            metricsToken,
            certificatesToken,
          ],
        },
      ],
    };
  }
}
