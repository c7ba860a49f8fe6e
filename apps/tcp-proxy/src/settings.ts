import { type SettingsOf, nodeCacheSettings, setting } from '@pgwake/nest-kit';

export const tcpProxySettings = {
  host: setting.text('PGWAKE_TCP_HOST', '127.0.0.1', 'Address on which clients are accepted; 0.0.0.0 in a container.'),
  port: setting.port('PGWAKE_TCP_PORT', 4432, 'Port on which clients are accepted.'),
  opsHost: setting.text('PGWAKE_TCP_OPS_HOST', '127.0.0.1', 'Address of the ops port of tcp-proxy.'),
  opsPort: setting.port('PGWAKE_TCP_OPS_PORT', 7432, 'Ops port of tcp-proxy: /livez, /readyz, /metrics.'),
  wakeAddress: setting.text('PGWAKE_WAKE_ADDRESS', '127.0.0.1:4450', 'host:port of the gRPC port of wake-service.'),
  dnsServers: setting.list(
    'PGWAKE_DNS_SERVERS',
    '',
    'Name servers for the host names of computes, comma-separated, each as address or address:port; without it those of the system, with /etc/hosts and search domains.',
  ),
  computeNetworks: setting.list(
    'PGWAKE_COMPUTE_NETWORKS',
    '',
    'Networks in which computes may be dialled, comma-separated (10.0.0.0/8, fd00::/8); without it everywhere but at link-local, multicast, broadcast and unspecified addresses. Unix sockets are always allowed.',
  ),
  domains: setting.list(
    'PGWAKE_DOMAINS',
    'localhost',
    'Domains under which endpoints have host names (<endpoint>.<domain>), comma-separated.',
  ),
  tlsCertFile: setting.optionalText(
    'PGWAKE_TLS_CERT_FILE',
    'PEM file with the certificate chain; without it no TLS is offered.',
  ),
  tlsKeyFile: setting.optionalText('PGWAKE_TLS_KEY_FILE', 'PEM file with the key of that certificate.'),
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
  connectTimeoutMs: setting.millis(
    'PGWAKE_CONNECT_TIMEOUT_MS',
    30_000,
    'Limit for waking and dialling together, in milliseconds.',
  ),
  drainTimeoutMs: setting.millis(
    'PGWAKE_DRAIN_TIMEOUT_MS',
    30_000,
    'How long sessions at work may finish after SIGTERM, in milliseconds.',
  ),
  dialsInFlight: setting.integer(
    'PGWAKE_DIALS_IN_FLIGHT',
    32,
    { low: 1, high: 10_000 },
    'How many logins to one compute may be under way at once.',
  ),
  nodeCacheMaxEntries: setting.integer(
    'PGWAKE_NODE_CACHE_MAX_ENTRIES',
    10_000,
    { low: 1, high: 1_000_000 },
    'How many node addresses are kept in the process.',
  ),
  nodeCacheMemoryMaxAgeMs: setting.integer(
    'PGWAKE_NODE_CACHE_MEMORY_MAX_AGE_MS',
    5_000,
    { low: 1, high: 86_400_000 },
    'With Redis: how long a node address is used without looking into Redis again, in milliseconds.',
  ),
  ...nodeCacheSettings,
  logLevel: setting.choice(
    'PGWAKE_LOG_LEVEL',
    ['debug', 'info', 'warn', 'error', 'silent'],
    'info',
    'Least level that is logged.',
  ),
};

export type TcpProxySettings = SettingsOf<typeof tcpProxySettings>;
