import { createSecureContext } from 'node:tls';
import { StartupError } from '@pgwake/nest-kit';

/** Throws a StartupError for a list that OpenSSL does not take, which would look like a certificate that cannot be used. */
export function checkTlsGroups(groups: string): void {
  try {
    createSecureContext({ ecdhCurve: groups });
  } catch (cause) {
    const message = `Settings: PGWAKE_TLS_GROUPS is no list of groups that OpenSSL ${process.versions.openssl} knows.`;
    throw new StartupError(message, { cause });
  }
}
