// The bodies and parameters of the admin API. What is not listed is refused, so a misspelt field is no silent default.

import { type EndpointId, type Millis, type RoleName, parseEndpointId, parseRoleName } from '@pgwake/ids';
import { parseIpNetwork } from '@pgwake/ip-networks';
import { isReservedDatabase, isReservedRole } from '@pgwake/wake-core';
import { z } from 'zod';

const endpointPattern = '^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$';
const longestIdleMs = 604_800_000;
const mostAllowedNetworks = 64;

export const endpointId = z
  .string()
  .regex(new RegExp(endpointPattern), 'must be a DNS label: 1 to 63 letters, digits and hyphens')
  .transform((text) => parseEndpointId(text) as EndpointId);

const postgresName = z
  .string()
  .min(1)
  .max(63)
  .refine((text) => parseRoleName(text) !== undefined, 'must be 1 to 63 bytes without NUL');

export const roleName = postgresName
  .refine((name) => !isReservedRole(name), 'is reserved')
  .transform((name) => name as RoleName);

const databaseName = postgresName.refine((name) => !isReservedDatabase(name), 'is reserved');

const password = z
  .string()
  .min(1)
  .max(1_000)
  .refine((text) => !text.includes('\0'), 'must not contain NUL')
  .describe('Left out: a random one is made and returned, once.');

const idleSuspendAfterMs = z
  .int()
  .min(100)
  .max(longestIdleMs)
  .transform((value) => value as Millis);

const allowedNetworks = z
  .array(
    z
      .string()
      .refine((text) => parseIpNetwork(text) !== undefined, 'must be a network such as 10.0.0.0/8, or an address'),
  )
  .max(mostAllowedNetworks)
  .describe('From where clients may connect and cancel queries; none: from everywhere. Counts from the next login on.');

export const createEndpointBody = z.strictObject({
  id: endpointId,
  database: databaseName.default('app').describe('The database made for the endpoint.'),
  role: roleName.default('app' as RoleName).describe('The owner of that database. No superuser.'),
  password: password.optional(),
  idleSuspendAfterMs: idleSuspendAfterMs.optional().describe('Left out: the default of the service.'),
  allowedNetworks: allowedNetworks.default([]),
});

export const changeEndpointBody = z
  .strictObject({
    disabled: z.boolean().optional().describe('A disabled endpoint cannot be woken; what runs goes on running.'),
    idleSuspendAfterMs: idleSuspendAfterMs.nullable().optional().describe('null: the default of the service.'),
    allowedNetworks: allowedNetworks.optional(),
  })
  .refine((body) => Object.keys(body).length > 0, 'must change something');

export const setRoleBody = z.strictObject({ password: password.optional() });

const longestJwks = 65_536;

const text = z.string().min(1).max(1_000);

/** RFC 7517, 5. Whether a key is of use shows when a token comes; here it is only kept. */
const jwks = z
  .object({ keys: z.array(z.record(z.string(), z.unknown())).min(1).max(100) })
  .refine((set) => JSON.stringify(set).length <= longestJwks, 'must be at most 64 KB')
  .refine((set) => set.keys.every((key) => !('d' in key) && !('k' in key)), 'must hold public keys only');

export const setTokensBody = z
  .strictObject({
    jwksUrl: z
      .url({ protocol: /^https?$/ })
      .max(2_000)
      .optional()
      .describe('Where the keys are.'),
    jwks: jwks.optional().describe('The keys themselves (RFC 7517).'),
    issuer: text.optional().describe('What `iss` has to be; left out: anything.'),
    audience: text.optional().describe('What `aud` has to be or hold; left out: anything.'),
  })
  .refine((body) => (body.jwksUrl === undefined) !== (body.jwks === undefined), 'must have one of jwksUrl and jwks');

export const wakesQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(500).default(50) });

const state = z.enum(['suspended', 'starting', 'running', 'suspending']);
const generation = z.int().min(0).describe('How often the compute was started.');
const time = z.iso.datetime();

export const endpointView = z.object({
  id: z.string(),
  state,
  generation,
  disabled: z.boolean(),
  database: z.string(),
  owner: z.string().describe('The role that owns the database.'),
  idleSuspendAfterMs: z.int().nullable().describe('null: the default of the service.'),
  allowedNetworks: z.array(z.string()).describe('From where clients may connect; none: from everywhere.'),
  createdAt: time,
});

export const createdEndpointView = endpointView.extend({
  password: z.string().optional().describe('Only if it was made here; it is not kept.'),
});

export const endpointDetailView = endpointView.extend({
  roles: z.array(
    z.object({ name: z.string(), pending: z.boolean().describe('Not yet applied: that happens at the next wake.') }),
  ),
});

export const roleView = z.object({
  name: z.string(),
  applied: z.enum(['now', 'atNextWake']),
  password: z.string().optional().describe('Only if it was made here; it is not kept.'),
});

export const wokenView = z.object({
  generation,
  startKind: z.enum(['running', 'started', 'joined']),
  address: z.string(),
});

export const wakeView = z.object({
  generation,
  reason: z.enum(['connection', 'admin']),
  outcome: z.enum(['started', 'failed']),
  totalMs: z.number(),
  phases: z.record(z.string(), z.number()).describe('Milliseconds per part of the start.'),
  detail: z.string().nullable(),
  endedAt: time,
});

export const problemView = z.object({
  severity: z.string(),
  code: z.string().describe('SQLSTATE'),
  message: z.string(),
  detail: z.string().optional(),
  hint: z.string().optional(),
});
