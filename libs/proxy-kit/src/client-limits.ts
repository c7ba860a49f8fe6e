// The limits of this proxy towards its clients, whatever they speak.

import { ClientLimits, type ClientLimitsDeps } from '@pgwake/limits';
import { type SettingsOf, setting, systemClock } from '@pgwake/nest-kit';
import type { ProxyMetrics } from '@pgwake/telemetry';

const most = { low: 0, high: 1_000_000 };

export const limitSettings = {
  maxConnections: setting.integer(
    'PGWAKE_MAX_CONNECTIONS',
    10_000,
    { low: 1, high: 1_000_000 },
    'How many clients may be connected at once; fewer where the process may not open that many files.',
  ),
  maxEventLoopDelayMs: setting.millis(
    'PGWAKE_MAX_EVENT_LOOP_DELAY_MS',
    1_000,
    'While the event loop of the process stays later than this, no new clients are accepted, in milliseconds; 0 for never.',
  ),
  maxConnectionsPerEndpoint: setting.integer(
    'PGWAKE_MAX_CONNECTIONS_PER_ENDPOINT',
    2_000,
    most,
    'How many clients of one endpoint may be connected at once; 0 for any number.',
  ),
  maxConnectionsPerSource: setting.integer(
    'PGWAKE_MAX_CONNECTIONS_PER_SOURCE',
    4_000,
    most,
    'How many clients of one source network (the /24 of an IPv4 address, the /64 of an IPv6 address) may be connected at once; 0 for any number.',
  ),
  maxHandshakesPerSource: setting.integer(
    'PGWAKE_MAX_HANDSHAKES_PER_SOURCE',
    2_000,
    most,
    'How many clients of one source network may be connected without having proved their password yet; 0 for any number.',
  ),
  maxFailedLogins: setting.integer(
    'PGWAKE_MAX_FAILED_LOGINS',
    10,
    most,
    'How many logins of one source network at one endpoint may fail per minute; 0 for any number.',
  ),
  maxCancelsPerSource: setting.integer(
    'PGWAKE_MAX_CANCELS_PER_SOURCE',
    600,
    most,
    'How many cancel requests one source network may send per second; 0 for any number.',
  ),
  maxCancelsInFlight: setting.integer(
    'PGWAKE_MAX_CANCELS_IN_FLIGHT',
    500,
    { low: 1, high: 100_000 },
    'How many cancel requests may be on their way to computes at once.',
  ),
};

export type LimitSettings = SettingsOf<typeof limitSettings>;

/** Clients beyond the limits that still get their handshake, to be told in it why there is no place. */
export const farewells = 32;

/** With so many connections in total; see {@link planCapacity}. */
export function createClientLimits(
  connections: number,
  settings: LimitSettings,
  lateness: ClientLimitsDeps['lateness'],
  metrics: ProxyMetrics,
): ClientLimits {
  return new ClientLimits(
    {
      connections,
      connectionsPerEndpoint: settings.maxConnectionsPerEndpoint,
      connectionsPerSource: settings.maxConnectionsPerSource,
      handshakesPerSource: settings.maxHandshakesPerSource,
      failedLogins: settings.maxFailedLogins,
      cancelsPerSource: settings.maxCancelsPerSource,
      cancelsInFlight: settings.maxCancelsInFlight,
      farewells,
    },
    { clock: systemClock, ...(lateness && { lateness }), onRefusal: (limit) => metrics.refusals.inc({ limit }) },
  );
}
