// GetEndpointAccess without Nest, by calls and over streams, on the server that Nest serves the other calls on: every login
// asks this, and the way through Nest's pipeline (a copy of the call, proxies, filters, observables) would cost it more than
// its own answer.

import type { Server, ServiceDefinition, handleUnaryCall } from '@grpc/grpc-js';
import type { Logger } from '@pgwake/telemetry';
import { wakePackage, wakeServiceName } from '@pgwake/wake-api';
import type { EndpointAccessReader } from '../roles/endpoint-access.js';
import { toCallStatus } from './call-status.js';
import {
  type GetEndpointAccessRequest,
  type GetEndpointAccessResponse,
  answerEndpointAccess,
} from './endpoint-access-answer.js';
import { type EndpointAccessCall, EndpointAccessStreams } from './endpoint-access-stream.js';

/** The services of wake.proto by their full names, as @grpc/proto-loader gives them. */
export type LoadedServices = Record<string, ServiceDefinition>;

export interface EndpointAccessServing {
  /**
   * Serves both calls, and takes them out of `services`: for what is in there when Nest reads it, Nest registers a handler
   * of its own. Throws when a call is not there.
   */
  add(services: LoadedServices, server: Pick<Server, 'addService'>): void;
  /** Ends the streams, for which a server that shuts down gracefully would wait; see `EndpointAccessStreams`. */
  endStreams(): void;
}

const serviceName = `${wakePackage}.${wakeServiceName}`;

export function serveEndpointAccess(access: EndpointAccessReader, log: Logger): EndpointAccessServing {
  const answer = (request: GetEndpointAccessRequest) => answerEndpointAccess(access, request);
  const toStatus = (error: unknown) => toCallStatus(error, log);
  const streams = new EndpointAccessStreams({ answer, toStatus });

  const getEndpointAccess: handleUnaryCall<GetEndpointAccessRequest, GetEndpointAccessResponse> = (call, callback) => {
    answer(call.request).then(
      (response) => callback(null, response),
      (error: unknown) => callback(toStatus(error)),
    );
  };

  return {
    add(services, server) {
      const { GetEndpointAccess, StreamEndpointAccess, ...others } = services[serviceName] ?? {};
      if (GetEndpointAccess === undefined || StreamEndpointAccess === undefined) {
        throw new Error('wake.proto does not define the calls for the access to endpoints');
      }
      services[serviceName] = others;
      server.addService(
        { GetEndpointAccess, StreamEndpointAccess },
        {
          GetEndpointAccess: getEndpointAccess,
          StreamEndpointAccess: (call: EndpointAccessCall) => streams.serve(call),
        },
      );
    },
    endStreams: () => streams.end(),
  };
}
