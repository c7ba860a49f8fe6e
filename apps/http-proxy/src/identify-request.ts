// Which endpoint a request is for: by the host of its connection string, by its options, or by both if they agree. The
// header Host says nothing: the driver asks api.<domain> for every endpoint.

import { identify } from '@pgwake/client-auth';
import { GatewayError } from '@pgwake/gateway-errors';
import type { EndpointId } from '@pgwake/ids';
import type { ConnectionString } from '@pgwake/sql-over-http';

export interface RequestClaim {
  readonly endpoint: EndpointId;
  /** For the session at the compute. */
  readonly parameters: ConnectionString['parameters'];
}

/** Throws a GatewayError. */
export function identifyRequest(connection: ConnectionString, domains: readonly string[]): RequestClaim {
  const claim = identify({ sni: connection.host, parameters: connection.parameters, domains });
  switch (claim.kind) {
    case 'named':
      return { endpoint: claim.endpoint, parameters: claim.parameters };
    case 'unnamed':
      throw new GatewayError('ENDPOINT_NOT_NAMED');
    case 'refused':
      throw claim.error;
  }
}
