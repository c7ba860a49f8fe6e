// The gRPC side: what the proxies ask, but for what every login asks (see endpoint-access-call.ts). Translates between the
// messages of wake.proto and the typed words of wake-api.

import { Controller, Inject, UseFilters } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { parseGeneration } from '@pgwake/ids';
import { wakeServiceName } from '@pgwake/wake-api';
import { ComputeWaker } from '../computes/wake-computes.js';
import { TokenAccessReader } from '../roles/token-access.js';
import { CallErrorFilter } from './call-error-filter.js';
import { requireEndpoint, requireRole } from './require-names.js';
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

interface GetTokenAccessRequest {
  readonly endpoint: string;
  readonly role: string;
}

@Controller()
@UseFilters(CallErrorFilter)
export class WakeController {
  constructor(
    @Inject(ComputeWaker) private readonly waker: ComputeWaker,
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

  @GrpcMethod(wakeServiceName, 'GetTokenAccess')
  async getTokenAccess(request: GetTokenAccessRequest): Promise<TokenAccessResponse> {
    return toTokenAccessResponse(await this.tokens.read(requireEndpoint(request.endpoint), requireRole(request.role)));
  }
}
