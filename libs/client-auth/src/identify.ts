// Which endpoint a client asks for: by the TLS host name (SNI), by options=endpoint=<id>, or by both if they agree.
// It only reads names. Whether such an endpoint exists is not asked here, and nothing is guessed.

import { GatewayError } from '@pgwake/gateway-errors';
import { type EndpointId, parseEndpointId } from '@pgwake/ids';
import { extractEndpointOptions } from './startup-options.js';

export type StartupParameters = readonly (readonly [name: string, value: string])[];

export type EndpointClaim =
  | { readonly kind: 'named'; readonly endpoint: EndpointId; readonly parameters: StartupParameters }
  /** Neither names one: the password may still do so, see parseEndpointPassword. */
  | { readonly kind: 'unnamed'; readonly parameters: StartupParameters }
  | { readonly kind: 'refused'; readonly error: GatewayError };

export interface ClaimSources {
  /** As the TLS library gives it; any text. */
  readonly sni?: string | undefined;
  readonly parameters: StartupParameters;
  /** `<endpoint>.<domain>` is a host name of an endpoint. Lower case, no dot at either end. */
  readonly domains: readonly string[];
}

/**
 * The claim's `parameters` are those for Postgres: `options` lost its endpoint word and is left out when nothing else
 * was in it. Refuses with ENDPOINT_NAMES_DIFFER, or with ENDPOINT_NOT_NAMED when options name several endpoints or
 * something that can be no endpoint.
 */
export function identify({ sni, parameters, domains }: ClaimSources): EndpointClaim {
  const named: string[] = [];
  const kept = parameters.flatMap((parameter) => {
    const [name, value] = parameter;
    if (name !== 'options') return [parameter];
    const options = extractEndpointOptions(value);
    if (options.named.length === 0) return [parameter];
    named.push(...options.named);
    return options.rest === '' ? [] : [[name, options.rest] as const];
  });

  if (named.length > 1) return refuse('ENDPOINT_NOT_NAMED', 'options name more than one endpoint');
  const bySni = sni === undefined ? undefined : parseEndpointHost(sni, domains);
  const [text] = named;
  const byOption = text === undefined ? undefined : parseEndpointId(text);
  if (text !== undefined && byOption === undefined) {
    return refuse('ENDPOINT_NOT_NAMED', 'the endpoint in options is no DNS label');
  }
  if (bySni !== undefined && byOption !== undefined && bySni !== byOption) return refuse('ENDPOINT_NAMES_DIFFER');

  const endpoint = byOption ?? bySni;
  return endpoint === undefined ? { kind: 'unnamed', parameters: kept } : { kind: 'named', endpoint, parameters: kept };
}

function refuse(code: 'ENDPOINT_NOT_NAMED' | 'ENDPOINT_NAMES_DIFFER', detail?: string): EndpointClaim {
  return { kind: 'refused', error: new GatewayError(code, detail === undefined ? {} : { detail }) };
}

/**
 * `<endpoint>.<domain>` and nothing else: exactly one label before a configured domain. Upper case and one dot at the
 * end, which DNS takes for the same name, are accepted.
 */
function parseEndpointHost(host: string, domains: readonly string[]): EndpointId | undefined {
  // ASCII only: lowering U+212A (Kelvin sign) would make another name equal to a domain with a k.
  if (!/^[\x21-\x7e]{1,254}$/.test(host)) return undefined;
  const name = host.toLowerCase().replace(/\.$/, '');
  const dot = name.indexOf('.');
  if (dot === -1 || !domains.includes(name.slice(dot + 1))) return undefined;
  return parseEndpointId(name.slice(0, dot));
}
