// Answers of wake-service, from untrusted objects to the types of the contract. An answer about another endpoint, or one
// that names no usable address or identity, is no answer: `undefined` fields of a dial would surface far from here.

import { type EndpointId, parseGeneration } from '@pgwake/ids';
import {
  type ComputeIdentity,
  type EndpointAccess,
  type NodeAddress,
  type StartKind,
  type TokenAccess,
  type TokenRule,
  type WakeFailure,
  type WakeOutcome,
  type WokenNode,
  parseComputeIdentity,
  parseNodeAddress,
  wakeFailureReasons,
} from '@pgwake/wake-api';

/** An answer, or what is wrong with it (for the log). */
export type ParsedAnswer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly what: string };

/** Thrown and caught in this file only. */
class Malformed extends Error {}

/** WakeComputeResponse as proto-loader decodes it: fields left at their default are absent. */
export function parseWakeResponse(message: unknown, asked: EndpointId): ParsedAnswer<WakeOutcome> {
  return attempt(() => {
    const { node, failure } = toRecord(message, 'response');
    if (node !== undefined) return { ok: true, node: parseNode(node, asked) };
    if (failure !== undefined) return { ok: false, failure: parseFailure(failure) };
    throw new Malformed('neither a node nor a failure');
  });
}

/** GetEndpointAccessResponse. The verifier itself is read by whoever checks a login against it. */
export function parseAccessResponse(message: unknown): ParsedAnswer<EndpointAccess> {
  return attempt(() => {
    const { verifier, endpointDisabled, allowedNetworks = [] } = toRecord(message, 'response');
    if (typeof verifier !== 'string' || verifier === '') throw new Malformed('no verifier');
    // Never read as "everybody": that is what an empty list means.
    if (!isTexts(allowedNetworks)) throw new Malformed('allowed networks that are no list of texts');
    return { verifier, disabled: endpointDisabled === true, allowedNetworks };
  });
}

/** GetTokenAccessResponse. */
export function parseTokenAccessResponse(message: unknown): ParsedAnswer<TokenAccess> {
  return attempt(() => {
    const { rule, clientKey, serverKey, endpointDisabled, allowedNetworks = [] } = toRecord(message, 'response');
    if (!isTexts(allowedNetworks)) throw new Malformed('allowed networks that are no list of texts');
    const access = { disabled: endpointDisabled === true, allowedNetworks };
    if (rule === undefined || rule === null) return { login: undefined, ...access };
    if (!isKey(clientKey) || !isKey(serverKey)) throw new Malformed('a rule without keys');
    return { login: { rule: parseTokenRule(rule), clientKey, serverKey }, ...access };
  });
}

function parseTokenRule(message: unknown): TokenRule {
  const { jwksUrl, jwks, issuer, audience } = toRecord(message, 'rule');
  const url = textOf(jwksUrl);
  const inline = textOf(jwks);
  const restrictions = { issuer: textOf(issuer), audience: textOf(audience) };
  if (url !== undefined && inline === undefined) return { keySet: { kind: 'url', url }, ...restrictions };
  if (url === undefined && inline !== undefined) {
    return { keySet: { kind: 'inline', jwks: inline }, ...restrictions };
  }
  throw new Malformed('a rule without one key set');
}

/** Of SCRAM-SHA-256. */
function isKey(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === 32;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function attempt<T>(parse: () => T): ParsedAnswer<T> {
  try {
    return { ok: true, value: parse() };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, what: error.message };
    throw error;
  }
}

function parseNode(message: unknown, asked: EndpointId): WokenNode {
  const node = toRecord(message, 'node');
  if (node['endpoint'] !== asked) throw new Malformed(`an answer about ${quote(node['endpoint'])}, not ${asked}`);
  const generation = parseGeneration(String(node['generation']));
  if (generation === undefined) throw new Malformed(`generation ${quote(node['generation'])}`);
  return {
    endpoint: asked,
    generation,
    address: parseAddress(node['address']),
    identity: parseIdentity(node['identity']),
    issuedAtMs: parseInstant(node['issuedAt']),
    signature: parseSignature(node['signature']),
    startKind: parseStartKind(node['startKind']),
  };
}

function parseAddress(message: unknown): NodeAddress {
  const fields = toRecord(message, 'address');
  const { host, socketDirectory, port } = fields;
  const malformed = `host ${quote(host)}, socket directory ${quote(socketDirectory)}, port ${quote(port)}`;
  return parseNodeAddress(fields) ?? refuse(malformed);
}

function parseIdentity(message: unknown): ComputeIdentity {
  return parseComputeIdentity(toRecord(message, 'identity')) ?? refuse('not one identity');
}

function parseInstant(value: unknown): number {
  const instant = Number(value);
  if (!Number.isSafeInteger(instant) || instant <= 0) throw new Malformed(`issued at ${quote(value)}`);
  return instant;
}

/** Checked by whoever reads it from a cache. Longer ones than the contract has are not kept. */
function parseSignature(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 200 ? value : undefined;
}

// Only a label of metrics and logs, so a kind that this version does not know is no reason to leave a compute undialled.
function parseStartKind(value: unknown): StartKind {
  switch (value) {
    case 'START_KIND_STARTED':
      return 'started';
    case 'START_KIND_JOINED':
      return 'joined';
    default:
      return 'running';
  }
}

function parseFailure(message: unknown): WakeFailure {
  const { reason, retryAfterMs, detail } = toRecord(message, 'failure');
  return {
    reason: wakeFailureReasons.find((known) => known === reason) ?? 'UNKNOWN',
    retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
    detail: typeof detail === 'string' ? detail.slice(0, 1_000) : '',
  };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function refuse(what: string): never {
  throw new Malformed(what);
}

function toRecord(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new Malformed(`no ${name}`);
}

function quote(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 100) ?? 'none';
}
