// GetEndpointAccess without Nest, on the server that Nest serves the other calls on: every login asks this, and the way
// through Nest's pipeline (a copy of the call, proxies, filters, observables) would cost it more than its own answer.

import type { Server, ServiceDefinition, handleUnaryCall } from '@grpc/grpc-js';
import type { Logger } from '@pgwake/telemetry';
import { wakePackage, wakeServiceName } from '@pgwake/wake-api';
import type { EndpointAccessReader } from '../roles/endpoint-access.js';
import { toCallStatus } from './call-status.js';
import { requireEndpoint, requireRole } from './require-names.js';

interface GetEndpointAccessRequest {
  readonly endpoint: string;
  readonly role: string;
}

interface GetEndpointAccessResponse {
  readonly verifier: string;
  readonly endpointDisabled: boolean;
  readonly allowedNetworks: readonly string[];
}

/** The services of wake.proto by their full names, as @grpc/proto-loader gives them. */
export type LoadedServices = Record<string, ServiceDefinition>;

const serviceName = `${wakePackage}.${wakeServiceName}`;

/**
 * Serves the call, and takes it out of `services`: for what is in there when Nest reads it, Nest registers a handler of its
 * own. Throws when the call is not there.
 */
export function serveEndpointAccess(
  services: LoadedServices,
  server: Pick<Server, 'addService'>,
  access: EndpointAccessReader,
  log: Logger,
): void {
  const { GetEndpointAccess, ...others } = services[serviceName] ?? {};
  if (GetEndpointAccess === undefined) throw new Error('wake.proto does not define GetEndpointAccess');
  services[serviceName] = others;
  server.addService({ GetEndpointAccess }, { GetEndpointAccess: createHandler(access, log) });
}

function createHandler(
  access: EndpointAccessReader,
  log: Logger,
): handleUnaryCall<GetEndpointAccessRequest, GetEndpointAccessResponse> {
  return (call, callback) => {
    answer(access, call.request).then(
      (response) => callback(null, response),
      (error: unknown) => callback(toCallStatus(error, log)),
    );
  };
}

async function answer(
  access: EndpointAccessReader,
  request: GetEndpointAccessRequest,
): Promise<GetEndpointAccessResponse> {
  const { verifier, disabled, allowedNetworks } = await access.read(
    requireEndpoint(request.endpoint),
    requireRole(request.role),
  );
  return { verifier, endpointDisabled: disabled, allowedNetworks };
}
