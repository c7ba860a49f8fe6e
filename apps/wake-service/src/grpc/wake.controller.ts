// The gRPC side: what the proxies ask. Translates between the messages of wake.proto and the typed words of wake-api.

import { status } from '@grpc/grpc-js';
import { Controller, Inject, UseFilters } from '@nestjs/common';
import { GrpcMethod, RpcException } from '@nestjs/microservices';
import { type EndpointId, type RoleName, parseEndpointId, parseGeneration, parseRoleName } from '@pgwake/ids';
import { wakeServiceName } from '@pgwake/wake-api';
import { ComputeWaker } from '../computes/wake-computes.js';
import { EndpointAccessReader } from '../roles/endpoint-access.js';
import { TokenAccessReader } from '../roles/token-access.js';
import { CallErrorFilter } from './call-error-filter.js';
import {
  type TokenAccessResponse,
  type WakeComputeResponse,
  toTokenAccessResponse,
  toWakeResponse,
} from './wake-messages.js';

interface WakeComputeRequest {
  readonly endpoint: string;
  readonly suspectGeneration: number;
}

interface GetEndpointAccessRequest {
  readonly endpoint: string;
  readonly role: string;
}

interface EndpointAccessResponse {
  readonly verifier: string;
  readonly endpointDisabled: boolean;
  readonly allowedNetworks: readonly string[];
}

@Controller()
@UseFilters(CallErrorFilter)
export class WakeController {
  constructor(
    @Inject(ComputeWaker) private readonly waker: ComputeWaker,
    @Inject(EndpointAccessReader) private readonly access: EndpointAccessReader,
    @Inject(TokenAccessReader) private readonly tokens: TokenAccessReader,
  ) {}

  /** A caller that leaves is answered into the void; the wake it asked for goes on, others may be waiting for it. */
  @GrpcMethod(wakeServiceName, 'WakeCompute')
  async wakeCompute(request: WakeComputeRequest): Promise<WakeComputeResponse> {
    const outcome = await this.waker.wake({
      endpoint: requireEndpoint(request.endpoint),
      suspectGeneration: parseGeneration(request.suspectGeneration),
      reason: 'connection',
    });
    return toWakeResponse(outcome);
  }

  @GrpcMethod(wakeServiceName, 'GetEndpointAccess')
  async getEndpointAccess(request: GetEndpointAccessRequest): Promise<EndpointAccessResponse> {
    const { verifier, disabled, allowedNetworks } = await this.access.read(
      requireEndpoint(request.endpoint),
      requireRole(request.role),
    );
    return { verifier, endpointDisabled: disabled, allowedNetworks };
  }

  @GrpcMethod(wakeServiceName, 'GetTokenAccess')
  async getTokenAccess(request: GetEndpointAccessRequest): Promise<TokenAccessResponse> {
    return toTokenAccessResponse(await this.tokens.read(requireEndpoint(request.endpoint), requireRole(request.role)));
  }
}

function requireEndpoint(text: string): EndpointId {
  return parseEndpointId(text) ?? invalid('endpoint is not an endpoint id');
}

function requireRole(text: string): RoleName {
  return parseRoleName(text) ?? invalid('role is not a role name');
}

function invalid(message: string): never {
  throw new RpcException({ code: status.INVALID_ARGUMENT, message });
}
