// The certificate that clients see, from files.

import { readFileSync } from 'node:fs';
import { type SecureContext, createSecureContext } from 'node:tls';
import { StartupError } from '@pgwake/nest-kit';
import type { ProxySettings } from './proxy-settings.js';

/** `undefined` when no certificate is configured. Throws a StartupError when it is and cannot be used. */
export function loadSecureContext({
  tlsCertFile,
  tlsKeyFile,
}: Pick<ProxySettings, 'tlsCertFile' | 'tlsKeyFile'>): SecureContext | undefined {
  if (tlsCertFile === undefined && tlsKeyFile === undefined) return undefined;
  if (tlsCertFile === undefined || tlsKeyFile === undefined) {
    throw new StartupError('Settings: PGWAKE_TLS_CERT_FILE and PGWAKE_TLS_KEY_FILE must be given together.');
  }
  try {
    return createSecureContext({
      cert: readFileSync(tlsCertFile),
      key: readFileSync(tlsKeyFile),
      minVersion: 'TLSv1.2',
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartupError(`The certificate ${tlsCertFile} with the key ${tlsKeyFile} cannot be used: ${why}.`, {
      cause: error,
    });
  }
}
