export { type IpAddress, parseIpAddress } from './ip-address.js';
export { type IpNetwork, isAllowedBy, isInNetwork, parseIpNetwork, sourceOf } from './ip-network.js';
