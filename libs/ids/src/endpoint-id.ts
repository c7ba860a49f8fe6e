import type { Brand } from './brand.js';

/** The public name a client asks for: a DNS label (RFC 1123) in lower case, 1 to 63 characters. */
export type EndpointId = Brand<string, 'EndpointId'>;

// Tested before lowering: U+212A (Kelvin sign) would become a plain `k`.
const dnsLabel = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** Untrusted text to an endpoint id, compared in lower case as DNS names are. `undefined` when it is no DNS label. */
export function parseEndpointId(text: string): EndpointId | undefined {
  return dnsLabel.test(text) ? (text.toLowerCase() as EndpointId) : undefined;
}
