import { type EndpointId, parseEndpointId } from '@pgwake/ids';

export interface EndpointPassword {
  readonly endpoint: EndpointId;
  readonly password: string;
}

const prefix = 'endpoint=';

/**
 * `endpoint=<id>;<password>` or `endpoint=<id>$<password>`, for clients that can send neither SNI nor options. The
 * first of the two separators ends the id; behind it anything goes, but not nothing. To be asked for inside TLS only:
 * the password arrives in clear text.
 */
export function parseEndpointPassword(text: string): EndpointPassword | undefined {
  if (!text.startsWith(prefix)) return undefined;
  const named = text.slice(prefix.length);
  const separator = named.search(/[;$]/);
  if (separator === -1) return undefined;
  const endpoint = parseEndpointId(named.slice(0, separator));
  const password = named.slice(separator + 1);
  return endpoint === undefined || password === '' ? undefined : { endpoint, password };
}
