// The names in a request, or INVALID_ARGUMENT for what is none.

import { RpcException } from '@nestjs/microservices';
import { type EndpointId, type RoleName, parseEndpointId, parseRoleName } from '@pgwake/ids';
import { invalidArgument } from './call-status.js';

/** Throws RpcException. */
export function requireEndpoint(text: string): EndpointId {
  return parseEndpointId(text) ?? invalid('endpoint is not an endpoint id');
}

/** Throws RpcException. */
export function requireRole(text: string): RoleName {
  return parseRoleName(text) ?? invalid('role is not a role name');
}

function invalid(message: string): never {
  throw new RpcException(invalidArgument(message));
}
