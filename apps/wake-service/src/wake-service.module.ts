// Composition for Nest: the controllers, and the parts they are given.

import { type DynamicModule, Module } from '@nestjs/common';
import type { Logger } from '@pgwake/telemetry';
import type { Catalog } from '@pgwake/wake-core';
import { EndpointsController } from './admin/endpoints.controller.js';
import { ComputeSuspender } from './computes/suspend-compute.js';
import { ComputeWaker } from './computes/wake-computes.js';
import { EndpointKeeper } from './endpoint-keeper.js';
import { WakeController } from './grpc/wake.controller.js';
import type { Parts } from './parts.js';
import { EndpointAccessReader } from './roles/endpoint-access.js';
import { RoleKeeper } from './roles/role-keeper.js';
import { TokenAccessReader } from './roles/token-access.js';
import { TokenKeeper } from './roles/token-keeper.js';
import { catalogToken, logToken } from './tokens.js';

@Module({})
export class WakeServiceModule {
  static with(catalog: Catalog, parts: Parts, log: Logger): DynamicModule {
    return {
      module: WakeServiceModule,
      controllers: [EndpointsController, WakeController],
      providers: [
        { provide: logToken, useValue: log },
        { provide: catalogToken, useValue: catalog },
        { provide: ComputeWaker, useValue: parts.waker },
        { provide: ComputeSuspender, useValue: parts.suspender },
        { provide: EndpointKeeper, useValue: parts.keeper },
        { provide: RoleKeeper, useValue: parts.roles },
        { provide: EndpointAccessReader, useValue: parts.access },
        { provide: TokenKeeper, useValue: parts.tokenKeeper },
        { provide: TokenAccessReader, useValue: parts.tokenAccess },
      ],
    };
  }
}
