import { type SettingsOf, setting } from '@pgwake/nest-kit';

export const tlsSettings = {
  tlsCertFile: setting.optionalText(
    'PGWAKE_TLS_CERT_FILE',
    'PEM file with the certificate chain, read again whenever it changes; without it no TLS is offered.',
  ),
  tlsKeyFile: setting.optionalText(
    'PGWAKE_TLS_KEY_FILE',
    'PEM file with the key of that certificate, read again whenever it changes.',
  ),
  tlsMinVersion: setting.choice(
    'PGWAKE_TLS_MIN_VERSION',
    ['1.2', '1.3'],
    '1.2',
    'Oldest version of TLS that is spoken.',
  ),
  tlsGroups: setting.text(
    'PGWAKE_TLS_GROUPS',
    'auto',
    'Groups for the key exchange of TLS as OpenSSL names them (X25519:P-256), separated by colons, the preferred one first; auto: those of Node, with a post-quantum one since its version 24, which costs memory.',
  ),
  tlsClientCert: setting.choice(
    'PGWAKE_TLS_CLIENT_CERT',
    ['off', 'optional', 'required'],
    'off',
    'Whether clients are asked for a certificate; one that does not verify is refused in both cases. It does not replace the password.',
  ),
  tlsClientCaFile: setting.optionalText(
    'PGWAKE_TLS_CLIENT_CA_FILE',
    'PEM file with the CAs of client certificates, read again whenever it changes; goes with PGWAKE_TLS_CLIENT_CERT.',
  ),
};

export type TlsSettings = SettingsOf<typeof tlsSettings>;
