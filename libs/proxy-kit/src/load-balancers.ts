import { type IpNetwork, isInNetwork, parseIpAddress, parseIpNetwork } from '@pgwake/ip-networks';
import { StartupError } from '@pgwake/nest-kit';
import type { ProxySettings } from './proxy-settings.js';

/** Whether an address is one of a load balancer that has to say by the PROXY protocol who its client is. */
export type IsLoadBalancer = (ipAddress: string) => boolean;

/** Throws a StartupError when the setting names something that is no network. */
export function loadLoadBalancers({ proxyProtocol }: Pick<ProxySettings, 'proxyProtocol'>): IsLoadBalancer {
  const networks = proxyProtocol.map(parseOrExplain);
  if (networks.length === 0) return () => false;
  return (ipAddress) => {
    const address = parseIpAddress(ipAddress);
    return address !== undefined && networks.some((network) => isInNetwork(address, network));
  };
}

function parseOrExplain(text: string): IpNetwork {
  const network = parseIpNetwork(text);
  if (network === undefined) {
    throw new StartupError(`Settings: PGWAKE_PROXY_PROTOCOL: "${text}" is not a network such as 10.0.0.0/8.`);
  }
  return network;
}
