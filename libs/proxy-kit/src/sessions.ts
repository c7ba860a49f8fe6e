// What client sessions in the Postgres protocol are given, over whatever stream they come.

import type { CancelKeys } from '@pgwake/cancel-keys';
import type { Connector } from '@pgwake/connect-core';
import { type SettingsOf, setting } from '@pgwake/nest-kit';
import type { ComputeNetwork } from '@pgwake/pg-dial';
import {
  type AccessPort,
  type AuthenticationPolicy,
  type PasswordPort,
  type SessionDeps,
  type SessionObserver,
  StallWatch,
} from '@pgwake/pg-session';
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
};

export type SessionSettings = SettingsOf<typeof sessionSettings>;

export interface SessionParts {
  readonly access: AccessPort;
  readonly passwords: PasswordPort;
  readonly connector: Connector;
  readonly network: ComputeNetwork;
  readonly cancelKeys: CancelKeys;
  readonly observer: SessionObserver;
}

export function createSessionDeps(
  settings: SessionSettings & Pick<AuthenticationPolicy, 'domains' | 'passwordMethod'>,
  { access, passwords, connector, network, cancelKeys, observer }: SessionParts,
): SessionDeps {
  const { loginTimeoutMs, wakeNoticeAfterMs, stallTimeoutMs } = settings;
  return {
    access,
    passwords,
    connector,
    network,
    cancelKeys,
    observer,
    stallWatch: new StallWatch(stallTimeoutMs),
    authentication: { ...settings, domains: settings.domains.map(bareDomain) },
    loginTimeoutMs,
    wakeNoticeAfterMs,
  };
}
