// Composition: the door of this proxy, on what all proxies are made of.

import { type DynamicModule, Module } from '@nestjs/common';
import { systemClock } from '@pgwake/nest-kit';
import { type PasswordCheck, createPasswordCheck } from '@pgwake/password-check';
import { LoginsAhead } from '@pgwake/pg-session';
import {
  ProxyParts,
  clientDoorToken,
  createProxyProviders,
  createSessionDeps,
  loadLoadBalancers,
} from '@pgwake/proxy-kit';
import type { Logger } from '@pgwake/telemetry';
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
        ...createProxyProviders({ app: 'tcp-proxy', settings, host, socketsPerClient: 2, ops, log }),
        {
          provide: clientDoorToken,
          useFactory: (parts: ProxyParts) =>
            new Listener({
              host,
              port,
              certificates: parts.certificates,
              isLoadBalancer: loadLoadBalancers(settings),
              limits: parts.limits,
              session: createSessionDeps(settings, {
                ...parts,
                passwords: createPasswords(parts),
                loginsAhead: createLoginsAhead(settings, parts),
              }),
              onOpenSessions: (count) => parts.metrics.openSessions.set(count),
            }),
          inject: [ProxyParts],
        },
      ],
    };
  }
}

function createLoginsAhead(
  { dialAhead }: TcpProxySettings,
  { connector, network, metrics }: ProxyParts,
): LoginsAhead | undefined {
  if (dialAhead === 'off') return undefined;
  return new LoginsAhead({
    remembersKeys: dialAhead === 'login',
    connector,
    network,
    onResult: (result) => metrics.dialsAhead.inc({ result }),
    now: () => systemClock.now(),
  });
}

/** Of clients that cannot do SCRAM. A login is promised to be checked against what the compute says now (ADR 3). */
function createPasswords({ access }: ProxyParts): PasswordCheck {
  return createPasswordCheck({ access, verifiers: 'live', now: () => systemClock.now() });
}
