import { type SettingsOf, setting } from '@pgwake/nest-kit';
import { proxySettings, sessionSettings } from '@pgwake/proxy-kit';

export const tcpProxySettings = {
  host: setting.text('PGWAKE_TCP_HOST', '127.0.0.1', 'Address on which clients are accepted; 0.0.0.0 in a container.'),
  port: setting.port('PGWAKE_TCP_PORT', 4432, 'Port on which clients are accepted.'),
  opsHost: setting.text('PGWAKE_TCP_OPS_HOST', '127.0.0.1', 'Address of the ops port of tcp-proxy.'),
  opsPort: setting.port('PGWAKE_TCP_OPS_PORT', 7432, 'Ops port of tcp-proxy: /livez, /readyz, /metrics.'),
  passwordMethod: setting.choice(
    'PGWAKE_PASSWORD_METHOD',
    ['scram', 'cleartext-over-tls'],
    'scram',
    'How passwords are asked for: by SCRAM, which does not reveal them, or over TLS in clear text, for clients that cannot do SCRAM; without TLS always by SCRAM.',
  ),
  dialAhead: setting.choice(
    'PGWAKE_DIAL_AHEAD',
    ['login', 'start', 'off'],
    'login',
    'What is done at a running compute while the client still computes its proof, for clients from an address that has logged in as the same role within the last minute: the whole login, with the keys of the one before, which are remembered for that; its start, as far as it goes without keys; or nothing.',
  ),
  ...sessionSettings,
  ...proxySettings,
};

export type TcpProxySettings = SettingsOf<typeof tcpProxySettings>;
