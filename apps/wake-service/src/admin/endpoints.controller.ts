// The admin API over endpoints. It checks what was sent, asks the keepers, and shows the result; it decides nothing.

import { randomBytes } from 'node:crypto';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { deriveVerifier } from '@pgwake/client-auth';
import { type EndpointId, type RoleName, millis } from '@pgwake/ids';
import { type TokenRule, describeAddress } from '@pgwake/wake-api';
import type { Catalog, EndpointRecord } from '@pgwake/wake-core';
import type { z } from 'zod';
import { ComputeSuspender } from '../computes/suspend-compute.js';
import { ComputeWaker } from '../computes/wake-computes.js';
import { EndpointKeeper } from '../endpoint-keeper.js';
import { type RoleChangeResult, RoleKeeper } from '../roles/role-keeper.js';
import { TokenKeeper } from '../roles/token-keeper.js';
import { catalogToken } from '../tokens.js';
import { viewEndpoint, viewWake } from './endpoint-view.js';
import { Operation } from './openapi.js';
import { endpointNotFound, problem, wakeFailed } from './problem.js';
import * as schemas from './schemas.js';
import { validate } from './validate.js';

const prepareLimitMs = millis(60_000);
const id = validate(schemas.endpointId);
const role = validate(schemas.roleName);

@Controller('endpoints')
export class EndpointsController {
  constructor(
    @Inject(catalogToken) private readonly catalog: Catalog,
    @Inject(EndpointKeeper) private readonly keeper: EndpointKeeper,
    @Inject(RoleKeeper) private readonly roles: RoleKeeper,
    @Inject(TokenKeeper) private readonly tokens: TokenKeeper,
    @Inject(ComputeWaker) private readonly waker: ComputeWaker,
    @Inject(ComputeSuspender) private readonly suspender: ComputeSuspender,
  ) {}

  @Post()
  @Operation({
    summary: 'Make an endpoint, its database and the role that owns it',
    body: schemas.createEndpointBody,
    status: 201,
    answer: schemas.createdEndpointView,
  })
  async create(@Body(validate(schemas.createEndpointBody)) body: z.output<typeof schemas.createEndpointBody>) {
    const secret = givenOrMade(body.password);
    const record = await this.keeper.create(
      {
        id: body.id,
        database: body.database,
        role: { name: body.role, verifier: await deriveVerifier(secret.password) },
        idleSuspendAfterMs: body.idleSuspendAfterMs,
        allowedNetworks: body.allowedNetworks,
      },
      AbortSignal.timeout(prepareLimitMs),
    );
    if (!record) throw problem(409, '42710', `endpoint "${body.id}" already exists`);
    return { ...viewEndpoint(record), ...secret.toShow };
  }

  @Get()
  @Operation({ summary: 'All endpoints', status: 200, answer: schemas.endpointView.array() })
  async list() {
    return (await this.catalog.list()).filter(({ availability }) => availability !== 'deleting').map(viewEndpoint);
  }

  @Get(':id')
  @Operation({ summary: 'One endpoint', params: ['id'], status: 200, answer: schemas.endpointDetailView })
  async show(@Param('id', id) endpoint: EndpointId) {
    const record = await this.#require(endpoint);
    return { ...viewEndpoint(record), roles: await this.catalog.roles(endpoint) };
  }

  @Patch(':id')
  @Operation({
    summary: 'Change an endpoint',
    params: ['id'],
    body: schemas.changeEndpointBody,
    status: 200,
    answer: schemas.endpointView,
  })
  async change(
    @Param('id', id) endpoint: EndpointId,
    @Body(validate(schemas.changeEndpointBody)) body: z.output<typeof schemas.changeEndpointBody>,
  ) {
    const { disabled, idleSuspendAfterMs, allowedNetworks } = body;
    const record = await this.catalog.change(endpoint, {
      ...(disabled === undefined ? {} : { availability: disabled ? 'disabled' : 'open' }),
      ...(idleSuspendAfterMs === undefined ? {} : { idleSuspendAfterMs }),
      ...(allowedNetworks === undefined ? {} : { allowedNetworks }),
    });
    if (!record) throw endpointNotFound(endpoint);
    return viewEndpoint(record);
  }

  @Delete(':id')
  @HttpCode(204)
  @Operation({ summary: 'Suspend an endpoint and remove it with all its data', params: ['id'], status: 204 })
  async remove(@Param('id', id) endpoint: EndpointId): Promise<void> {
    if (!(await this.keeper.remove(endpoint))) throw endpointNotFound(endpoint);
  }

  @Put(':id/roles/:role')
  @Operation({
    summary: 'Make a role that may log in, or set its password',
    params: ['id', 'role'],
    body: schemas.setRoleBody,
    status: 200,
    answer: schemas.roleView,
  })
  async setRole(
    @Param('id', id) endpoint: EndpointId,
    @Param('role', role) name: RoleName,
    @Body(validate(schemas.setRoleBody)) body: z.output<typeof schemas.setRoleBody>,
  ) {
    const secret = givenOrMade(body.password);
    const verifier = await deriveVerifier(secret.password);
    const applied = requireDone(endpoint, await this.roles.change(endpoint, { kind: 'set', name, verifier }));
    return { name, applied, ...secret.toShow };
  }

  @Delete(':id/roles/:role')
  @Operation({
    summary: 'Drop a role; one that owns something is kept without its password and its right to log in',
    params: ['id', 'role'],
    status: 200,
    answer: schemas.roleView,
  })
  async dropRole(@Param('id', id) endpoint: EndpointId, @Param('role', role) name: RoleName) {
    return { name, applied: requireDone(endpoint, await this.roles.change(endpoint, { kind: 'drop', name })) };
  }

  @Put(':id/roles/:role/tokens')
  @Operation({
    summary: 'Let clients log in as a role with tokens (JWT) instead of a password, which no longer works then',
    params: ['id', 'role'],
    body: schemas.setTokensBody,
    status: 200,
    answer: schemas.roleView,
  })
  async setTokens(
    @Param('id', id) endpoint: EndpointId,
    @Param('role', role) name: RoleName,
    @Body(validate(schemas.setTokensBody)) body: z.output<typeof schemas.setTokensBody>,
  ) {
    const result = await this.tokens.set(endpoint, name, toTokenRule(body));
    return { name, applied: requireDone(endpoint, result) };
  }

  @Delete(':id/roles/:role/tokens')
  @HttpCode(204)
  @Operation({
    summary: 'Take no more tokens for a role; it stays, without any password',
    params: ['id', 'role'],
    status: 204,
  })
  async removeTokens(@Param('id', id) endpoint: EndpointId, @Param('role', role) name: RoleName): Promise<void> {
    await this.#require(endpoint);
    if (!(await this.tokens.remove(endpoint, name))) {
      throw problem(404, '42704', `role "${name}" of endpoint "${endpoint}" takes no tokens`);
    }
  }

  @Post(':id/wake')
  @HttpCode(200)
  @Operation({ summary: 'Wake the compute and wait for it', params: ['id'], status: 200, answer: schemas.wokenView })
  async wake(@Param('id', id) endpoint: EndpointId) {
    await this.#require(endpoint);
    const outcome = await this.waker.wake({ endpoint, suspectGeneration: undefined, reason: 'admin' });
    if (!outcome.ok) throw wakeFailed(outcome.failure);
    const { generation, startKind, address } = outcome.node;
    return { generation, startKind, address: describeAddress(address) };
  }

  @Post(':id/suspend')
  @HttpCode(200)
  @Operation({
    summary: 'Put the compute to sleep and wait for it; sessions are ended',
    params: ['id'],
    status: 200,
    answer: schemas.endpointView,
  })
  async suspend(@Param('id', id) endpoint: EndpointId) {
    await this.#require(endpoint);
    await this.suspender.suspend(endpoint, { kind: 'requested' });
    return viewEndpoint(await this.#require(endpoint));
  }

  @Get(':id/wakes')
  @Operation({
    summary: 'The latest starts of the compute, the last one first',
    params: ['id'],
    query: schemas.wakesQuery,
    status: 200,
    answer: schemas.wakeView.array(),
  })
  async wakes(
    @Param('id', id) endpoint: EndpointId,
    @Query(validate(schemas.wakesQuery)) query: z.output<typeof schemas.wakesQuery>,
  ) {
    await this.#require(endpoint);
    return (await this.catalog.wakes(endpoint, query.limit)).map(viewWake);
  }

  async #require(endpoint: EndpointId): Promise<EndpointRecord> {
    const record = await this.catalog.find(endpoint);
    if (!record || record.availability === 'deleting') throw endpointNotFound(endpoint);
    return record;
  }
}

function toTokenRule({ jwksUrl, jwks, issuer, audience }: z.output<typeof schemas.setTokensBody>): TokenRule {
  return {
    keySet: jwksUrl === undefined ? { kind: 'inline', jwks: JSON.stringify(jwks) } : { kind: 'url', url: jwksUrl },
    issuer,
    audience,
  };
}

function givenOrMade(given: string | undefined): { password: string; toShow: { password?: string } } {
  if (given !== undefined) return { password: given, toShow: {} };
  const password = randomBytes(18).toString('base64url');
  return { password, toShow: { password } };
}

function requireDone(endpoint: EndpointId, result: RoleChangeResult): 'now' | 'atNextWake' {
  switch (result.kind) {
    case 'done':
      return result.applied;
    case 'endpointNotFound':
      throw endpointNotFound(endpoint);
    case 'refused':
      throw problem(409, '55000', 'Postgres refused the change', result.message);
  }
}
