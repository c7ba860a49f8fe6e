// Where computes may be, and who is asked where they are. Every socket to a compute is opened with one of these, so no
// address gets by it: what is checked is the very address that is dialled, after names have become addresses.

import { type LookupFunction, isIP } from 'node:net';
import { GatewayError } from '@pgwake/gateway-errors';
import { createMayDial } from './allowed-networks.js';
import { createLookupHost } from './lookup-host.js';

export interface ComputeNetworkSettings {
  /** Name servers as `address` or `address:port`. Default: those of the system. */
  readonly nameServers?: readonly string[];
  /**
   * In CIDR notation, exactly where computes may be. Default: everywhere but at link-local, multicast, broadcast and
   * unspecified addresses.
   */
  readonly networks?: readonly string[];
}

/** One per process, otherwise questions to name servers are not shared. */
export interface ComputeNetwork {
  /** For `net.connect`. Fails with COMPUTE_ADDRESS_FORBIDDEN for a name of which no address may be dialled. */
  readonly lookup: LookupFunction;
  /** Throws COMPUTE_ADDRESS_FORBIDDEN for an IP address that may not be dialled; for a name see {@link lookup}. */
  requireAllowed(host: string): void;
}

/** Throws RangeError for values without sense. */
export function createComputeNetwork({ nameServers = [], networks = [] }: ComputeNetworkSettings = {}): ComputeNetwork {
  const lookupHost = createLookupHost(nameServers);
  const mayDial = createMayDial(networks);

  async function lookupAllowed(hostname: string) {
    const addresses = await lookupHost(hostname);
    const allowed = addresses.filter(({ address }) => mayDial(address));
    if (allowed.length === 0) throw forbidden(addresses.map(({ address }) => address).join(', '));
    return allowed;
  }

  return {
    lookup(hostname, { all }, callback) {
      lookupAllowed(hostname).then(
        (addresses) => {
          const [first] = addresses;
          if (all === true) callback(null, addresses);
          else callback(null, first?.address ?? '', first?.family ?? 0);
        },
        (error: NodeJS.ErrnoException) => callback(error, ''),
      );
    },

    requireAllowed(host) {
      if (isIP(host) !== 0 && !mayDial(host)) throw forbidden(host);
    },
  };
}

function forbidden(address: string): GatewayError {
  return new GatewayError('COMPUTE_ADDRESS_FORBIDDEN', { detail: `${address} is in no network for computes` });
}
