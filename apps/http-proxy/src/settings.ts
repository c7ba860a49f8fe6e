import { type SettingsOf, setting } from '@pgwake/nest-kit';
import { proxySettings, sessionSettings } from '@pgwake/proxy-kit';
import { poolSettings } from './pool-settings.js';

const tenMebibytes = 10 * 1024 * 1024;
const sizeBounds = { low: 1024, high: 256 * 1024 * 1024 };

export const httpProxySettings = {
  host: setting.text('PGWAKE_HTTP_HOST', '127.0.0.1', 'Address on which clients are accepted; 0.0.0.0 in a container.'),
  port: setting.port('PGWAKE_HTTP_PORT', 4444, 'Port on which clients are accepted.'),
  opsHost: setting.text('PGWAKE_HTTP_OPS_HOST', '127.0.0.1', 'Address of the ops port of http-proxy.'),
  opsPort: setting.port('PGWAKE_HTTP_OPS_PORT', 7444, 'Ops port of http-proxy: /livez, /readyz, /metrics.'),
  tls: setting.choice(
    'PGWAKE_HTTP_TLS',
    ['on', 'off'],
    'off',
    'Whether clients speak HTTPS (HTTP/2 or 1.1, with the certificate of PGWAKE_TLS_CERT_FILE) or plain HTTP, which is for one machine and for what stands behind a load balancer with TLS of its own.',
  ),
  maxRequestBytes: setting.integer(
    'PGWAKE_HTTP_MAX_REQUEST_BYTES',
    tenMebibytes,
    sizeBounds,
    'The longest body of a request, in bytes.',
  ),
  maxResponseBytes: setting.integer(
    'PGWAKE_HTTP_MAX_RESPONSE_BYTES',
    tenMebibytes,
    sizeBounds,
    'The longest result that is not streamed, and the longest row of one that is, in bytes.',
  ),
  receiveTimeoutMs: setting.integer(
    'PGWAKE_HTTP_RECEIVE_TIMEOUT_MS',
    30_000,
    { low: 1_000, high: 3_600_000 },
    'How long a client may take to send a request, in milliseconds.',
  ),
  requestTimeoutMs: setting.integer(
    'PGWAKE_HTTP_REQUEST_TIMEOUT_MS',
    300_000,
    { low: 1, high: 86_400_000 },
    'How long a request may take, its wake and its queries included, in milliseconds; a client may ask for less with Pgwake-Timeout-Ms.',
  ),
  keepAliveMs: setting.integer(
    'PGWAKE_HTTP_KEEP_ALIVE_MS',
    65_000,
    { low: 1_000, high: 3_600_000 },
    'How long a connection without a request stays open, in milliseconds; longer than that of a load balancer in front.',
  ),
  ...poolSettings,
  jwksNetworks: setting.list(
    'PGWAKE_JWKS_NETWORKS',
    '',
    'Internal networks (10.0.0.0/8, 127.0.0.1) from which the keys of tokens may be fetched as well, also without TLS, comma-separated; without it only from the Internet, over HTTPS.',
  ),
  jwksCaFile: setting.optionalText(
    'PGWAKE_JWKS_CA_FILE',
    'PEM file with CAs to trust when the keys of tokens are fetched; without it those that come with Node.',
  ),
  webSocketMaxMessageBytes: setting.integer(
    'PGWAKE_WS_MAX_MESSAGE_BYTES',
    16 * 1024 * 1024,
    sizeBounds,
    'The longest message of a WebSocket, in bytes. It is read whole before it goes on.',
  ),
  webSocketOrigins: setting.list(
    'PGWAKE_WS_ORIGINS',
    '',
    'Origins (https://app.example) whose pages may open WebSockets, comma-separated; without it those of all.',
  ),
  webSocketPingIntervalMs: setting.integer(
    'PGWAKE_WS_PING_INTERVAL_MS',
    30_000,
    { low: 1_000, high: 3_600_000 },
    'How often WebSockets are pinged, in milliseconds; one that leaves two pings unanswered is cut off.',
  ),
  webSocketIdleTimeoutMs: setting.millis(
    'PGWAKE_WS_IDLE_TIMEOUT_MS',
    0,
    'A WebSocket that carries no data for so long is closed, in milliseconds; 0 for never.',
  ),
  passwordForm: sessionSettings.passwordForm,
  loginTimeoutMs: sessionSettings.loginTimeoutMs,
  wakeNoticeAfterMs: sessionSettings.wakeNoticeAfterMs,
  stallTimeoutMs: sessionSettings.stallTimeoutMs,
  ...proxySettings,
};

export type HttpProxySettings = SettingsOf<typeof httpProxySettings>;
