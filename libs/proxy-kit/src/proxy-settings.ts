// The settings of every proxy, whatever its clients speak.

import { type SettingsOf, nodeCacheSettings, setting } from '@pgwake/nest-kit';
import { limitSettings } from './client-limits.js';
import { tlsSettings } from './tls-settings.js';

export const proxySettings = {
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
  computeCaFile: setting.optionalText(
    'PGWAKE_COMPUTE_CA_FILE',
    'PEM file with the authority that signs the certificates of computes; needed where wake-service names computes by a certificate (tls_san), and no other authority is trusted then.',
  ),
  domains: setting.list(
    'PGWAKE_DOMAINS',
    'localhost',
    'Domains under which endpoints have host names (<endpoint>.<domain>), comma-separated.',
  ),
  ...tlsSettings,
  proxyProtocol: setting.list(
    'PGWAKE_PROXY_PROTOCOL',
    '',
    'Networks of load balancers that say by the PROXY protocol (version 2) who the client is, comma-separated (10.0.0.0/8, fd00::/8): from them it is required, from everybody else not accepted; without it nobody uses it.',
  ),
  connectTimeoutMs: setting.millis(
    'PGWAKE_CONNECT_TIMEOUT_MS',
    30_000,
    'Limit for waking and dialling together, in milliseconds.',
  ),
  drainTimeoutMs: setting.millis(
    'PGWAKE_DRAIN_TIMEOUT_MS',
    30_000,
    'How long work under way may go on after SIGTERM, in milliseconds.',
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
  ...limitSettings,
  ...nodeCacheSettings,
  logLevel: setting.choice(
    'PGWAKE_LOG_LEVEL',
    ['debug', 'info', 'warn', 'error', 'silent'],
    'info',
    'Least level that is logged.',
  ),
};

export type ProxySettings = SettingsOf<typeof proxySettings>;
