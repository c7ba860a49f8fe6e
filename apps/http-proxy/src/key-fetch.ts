import { readFileSync } from 'node:fs';
import { StartupError } from '@pgwake/nest-kit';
import { type KeyFetch, createKeyFetch } from '@pgwake/token-check';
import type { HttpProxySettings } from './settings.js';

/** From where the keys of tokens may come. Throws a StartupError when the settings make no sense. */
export function loadKeyFetch({ jwksNetworks, jwksCaFile }: HttpProxySettings): KeyFetch {
  try {
    const ca = jwksCaFile === undefined ? undefined : readFileSync(jwksCaFile, 'utf8');
    return createKeyFetch({ networks: jwksNetworks, ca });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartupError(`Settings: PGWAKE_JWKS_NETWORKS or PGWAKE_JWKS_CA_FILE: ${why}.`, { cause: error });
  }
}
