import { type SettingsOf, nodeCacheSettings, setting } from '@pgwake/nest-kit';

export const wakeServiceSettings = {
  grpcHost: setting.text('PGWAKE_WAKE_GRPC_HOST', '127.0.0.1', 'Address on which the proxies are served.'),
  grpcPort: setting.port('PGWAKE_WAKE_GRPC_PORT', 4450, 'Port on which the proxies are served (gRPC).'),
  adminHost: setting.text('PGWAKE_WAKE_ADMIN_HOST', '127.0.0.1', 'Address of the admin API.'),
  adminPort: setting.port('PGWAKE_WAKE_ADMIN_PORT', 4451, 'Port of the admin API (HTTP).'),
  adminHostNames: setting.list(
    'PGWAKE_WAKE_ADMIN_HOST_NAMES',
    '',
    'Names under which the admin API may be called, besides localhost and its own address, comma-separated.',
  ),
  opsHost: setting.text('PGWAKE_WAKE_OPS_HOST', '127.0.0.1', 'Address of the ops port of wake-service.'),
  opsPort: setting.port('PGWAKE_WAKE_OPS_PORT', 7450, 'Ops port of wake-service: /livez, /readyz, /metrics.'),
  catalogUrl: setting.optionalText(
    'PGWAKE_CATALOG_URL',
    'Postgres URL of the catalog; without it wake-service runs one itself in the data directory.',
  ),
  dataDir: setting.text('PGWAKE_DATA_DIR', '.pgwake', 'Directory of the computes, and of the catalog it runs itself.'),
  postgresBinDir: setting.optionalText(
    'PGWAKE_POSTGRES_BIN_DIR',
    'Directory with postgres and initdb; without it the binaries that come with pgwake.',
  ),
  computeListen: setting.choice(
    'PGWAKE_COMPUTE_LISTEN',
    ['unix', 'tcp'],
    'unix',
    'Where computes listen: a unix socket that only this machine reaches, or TCP on the loopback interface.',
  ),
  computeMaxConnections: setting.integer(
    'PGWAKE_COMPUTE_MAX_CONNECTIONS',
    200,
    { low: 10, high: 10_000 },
    'max_connections of each compute.',
  ),
  idleSuspendAfterMs: setting.integer(
    'PGWAKE_IDLE_SUSPEND_AFTER_MS',
    300_000,
    { low: 100, high: 604_800_000 },
    'How long nothing must happen in a compute before it is put to sleep, in milliseconds; an endpoint may differ.',
  ),
  maxWakesPerMinute: setting.integer(
    'PGWAKE_MAX_WAKES_PER_MINUTE',
    10,
    { low: 0, high: 100_000 },
    'How often per minute connections may start the compute of one endpoint; 0 for any number. Wakes of a running compute and wakes through the admin API do not count.',
  ),
  maxWakesAtOnce: setting.integer(
    'PGWAKE_MAX_WAKES_AT_ONCE',
    100,
    { low: 1, high: 100_000 },
    'How many such starts an endpoint may save up while it needs fewer.',
  ),
  startTimeoutMs: setting.integer(
    'PGWAKE_START_TIMEOUT_MS',
    60_000,
    { low: 100, high: 3_600_000 },
    'How long a compute may take to start, in milliseconds.',
  ),
  suspendTimeoutMs: setting.integer(
    'PGWAKE_SUSPEND_TIMEOUT_MS',
    60_000,
    { low: 100, high: 3_600_000 },
    'How long a compute may take to shut down cleanly before it is ended by force, in milliseconds.',
  ),
  onShutdown: setting.choice(
    'PGWAKE_ON_SHUTDOWN',
    ['suspend', 'leave'],
    'leave',
    'What becomes of running computes when wake-service ends: put to sleep, or left running for the next instance.',
  ),
  ...nodeCacheSettings,
  logLevel: setting.choice(
    'PGWAKE_LOG_LEVEL',
    ['debug', 'info', 'warn', 'error', 'silent'],
    'info',
    'Least level that is logged.',
  ),
};

export type WakeServiceSettings = SettingsOf<typeof wakeServiceSettings>;
