import { readFileSync } from 'node:fs';
import { StartupError } from '@pgwake/nest-kit';
import { type ComputeNetwork, createComputeNetwork } from '@pgwake/pg-dial';
import type { ProxySettings } from './proxy-settings.js';

/** Where computes are, who knows their names, and who signs their certificates. Throws a StartupError for settings without sense. */
export function loadComputeNetwork({ dnsServers, computeNetworks, computeCaFile }: ProxySettings): ComputeNetwork {
  try {
    return createComputeNetwork({
      nameServers: dnsServers,
      networks: computeNetworks,
      ...(computeCaFile !== undefined && { certificateAuthority: readAuthority(computeCaFile) }),
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const names = 'PGWAKE_DNS_SERVERS, PGWAKE_COMPUTE_NETWORKS or PGWAKE_COMPUTE_CA_FILE';
    throw new StartupError(`Settings: ${names}: ${error.message}.`, { cause: error });
  }
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartupError(`Settings: PGWAKE_COMPUTE_CA_FILE cannot be read: ${why}.`, { cause: error });
  }
}
