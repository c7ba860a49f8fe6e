import { StartupError } from '@pgwake/nest-kit';
import { type ComputeNetwork, createComputeNetwork } from '@pgwake/pg-dial';
import type { ProxySettings } from './proxy-settings.js';

/** Where computes are, and who knows their names. Throws a StartupError when the settings make no sense. */
export function loadComputeNetwork({ dnsServers, computeNetworks }: ProxySettings): ComputeNetwork {
  try {
    return createComputeNetwork({ nameServers: dnsServers, networks: computeNetworks });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StartupError(`Settings: PGWAKE_DNS_SERVERS or PGWAKE_COMPUTE_NETWORKS: ${error.message}.`, {
      cause: error,
    });
  }
}
