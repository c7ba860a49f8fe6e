// What client sessions in the Postgres protocol are given, over whatever stream they come.

import type { CancelKeys } from '@pgwake/cancel-keys';
import type { Connector } from '@pgwake/connect-core';
import { type SettingsOf, setting } from '@pgwake/nest-kit';
import { type ComputeNetwork, probeCompute } from '@pgwake/pg-dial';
import {
  type AccessPort,
  type AuthenticationPolicy,
  type LoginsAhead,
  type PasswordPort,
  type Probe,
  type SessionDeps,
  type SessionObserver,
  SilenceWatch,
  StallWatch,
} from '@pgwake/pg-session';
import type { ProxyMetrics } from '@pgwake/telemetry';
import { bareDomain } from './bare-domain.js';

export const sessionSettings = {
  requireTls: setting.choice(
    'PGWAKE_REQUIRE_TLS',
    ['always', 'remote', 'never'],
    'remote',
    'Who must use TLS: everybody, everybody but clients on the loopback interface, nobody.',
  ),
  passwordForm: setting.choice(
    'PGWAKE_PASSWORD_FORM',
    ['off', 'tls', 'loopback'],
    'tls',
    'Where a client that names no endpoint is asked for a password of the form endpoint=<id>;<password>: nowhere, over TLS, over TLS and on the loopback interface.',
  ),
  loginTimeoutMs: setting.millis(
    'PGWAKE_LOGIN_TIMEOUT_MS',
    15_000,
    'Limit from accept to the end of authentication, in milliseconds.',
  ),
  wakeNoticeAfterMs: setting.millis(
    'PGWAKE_WAKE_NOTICE_AFTER_MS',
    2_000,
    'A client that waits longer for its compute gets a NOTICE that it is waking, in milliseconds; 0 for never.',
  ),
  stallTimeoutMs: setting.millis(
    'PGWAKE_STALL_TIMEOUT_MS',
    300_000,
    'A client that takes nothing of what its compute sent is cut off after this time, in milliseconds; 0 for never. A slow query is no stall; a program that stops reading a large result is one.',
  ),
  computeSilenceMs: setting.millis(
    'PGWAKE_COMPUTE_SILENCE_MS',
    60_000,
    'A compute over TCP that owes an answer and has sent nothing for this time is asked for a sign of life; if its address gives none, twice in a row, its sessions and queries are ended. In milliseconds; 0 for never. A slow query is no silence of a compute that lives.',
  ),
};

export type SessionSettings = SettingsOf<typeof sessionSettings>;

export interface SessionParts {
  readonly access: AccessPort;
  readonly passwords: PasswordPort;
  readonly connector: Connector;
  readonly network: ComputeNetwork;
  readonly loginsAhead: LoginsAhead | undefined;
  readonly cancelKeys: CancelKeys;
  readonly observer: SessionObserver;
  readonly metrics: ProxyMetrics;
}

export function createSessionDeps(
  settings: SessionSettings & Pick<AuthenticationPolicy, 'domains' | 'passwordMethod'>,
  { access, passwords, connector, network, loginsAhead, cancelKeys, observer, metrics }: SessionParts,
): SessionDeps {
  const { loginTimeoutMs, wakeNoticeAfterMs, stallTimeoutMs, computeSilenceMs } = settings;
  const probe: Probe = async (address) => {
    const result = await probeCompute(address, network);
    metrics.computeProbes.inc({ result });
    return result;
  };
  return {
    access,
    passwords,
    connector,
    network,
    loginsAhead,
    cancelKeys,
    observer,
    stallWatch: new StallWatch(stallTimeoutMs),
    silenceWatch: new SilenceWatch(computeSilenceMs, probe),
    authentication: { ...settings, domains: settings.domains.map(bareDomain) },
    loginTimeoutMs,
    wakeNoticeAfterMs,
  };
}
