// Where computes may be, who is asked where they are, and whom their certificates must be from. Every socket to a compute is opened with one of these, so no
// address gets by it: what is checked is the very address that is dialled, after names have become addresses.

import { X509Certificate } from 'node:crypto';
import { type LookupFunction, isIP } from 'node:net';
import { type SecureContext, createSecureContext } from 'node:tls';
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
  /** PEM: who signs the certificates of computes that prove themselves by one. Default: no compute can. */
  readonly certificateAuthority?: string;
}

/** One per process, otherwise questions to name servers are not shared. */
export interface ComputeNetwork {
  /** For `net.connect`. Fails with COMPUTE_ADDRESS_FORBIDDEN for a name of which no address may be dialled. */
  readonly lookup: LookupFunction;
  /** Throws COMPUTE_ADDRESS_FORBIDDEN for an IP address that may not be dialled; for a name see {@link lookup}. */
  requireAllowed(host: string): void;
  /** For TLS to computes; no other authority counts, those of the system neither. */
  readonly authority: SecureContext | undefined;
}

/** Throws RangeError for values without sense. */
export function createComputeNetwork(settings: ComputeNetworkSettings = {}): ComputeNetwork {
  const { nameServers = [], networks = [], certificateAuthority } = settings;
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

    authority: certificateAuthority === undefined ? undefined : createAuthority(certificateAuthority),
  };
}

function createAuthority(pem: string): SecureContext {
  try {
    // A text without a certificate would be an authority that signs nothing.
    new X509Certificate(pem);
    return createSecureContext({ ca: pem, minVersion: 'TLSv1.2' });
  } catch (error) {
    throw new RangeError(`not a certificate in PEM: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function forbidden(address: string): GatewayError {
  return new GatewayError('COMPUTE_ADDRESS_FORBIDDEN', { detail: `${address} is in no network for computes` });
}
