// What GetEndpointAccess says, whether it was asked by a call or over a stream.

import type { EndpointAccessReader } from '../roles/endpoint-access.js';
import { requireEndpoint, requireRole } from './require-names.js';

/** As @grpc/proto-loader decodes it. */
export interface GetEndpointAccessRequest {
  readonly endpoint: string;
  readonly role: string;
}

export interface GetEndpointAccessResponse {
  readonly verifier: string;
  readonly endpointDisabled: boolean;
  readonly allowedNetworks: readonly string[];
}

/** Rejects with what `toCallStatus` makes a status of. */
export async function answerEndpointAccess(
  access: EndpointAccessReader,
  { endpoint, role }: GetEndpointAccessRequest,
): Promise<GetEndpointAccessResponse> {
  const { verifier, disabled, allowedNetworks } = await access.read(requireEndpoint(endpoint), requireRole(role));
  return { verifier, endpointDisabled: disabled, allowedNetworks };
}
