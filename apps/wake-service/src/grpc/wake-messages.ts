// wake-api's answers as messages of wake.proto, in the form that @grpc/proto-loader takes.

import type {
  ComputeIdentity,
  NodeAddress,
  StartKind,
  TokenAccess,
  TokenRule,
  WakeFailure,
  WakeOutcome,
  WokenNode,
} from '@pgwake/wake-api';

interface NodeMessage {
  readonly endpoint: string;
  readonly generation: number;
  readonly address: { readonly host?: string; readonly socketDirectory?: string; readonly port: number };
  readonly identity: { readonly clusterName?: string; readonly tlsSan?: string; readonly unproven?: boolean };
  readonly issuedAt: number;
  readonly signature: string;
  readonly startKind: string;
}

interface FailureMessage {
  readonly reason: string;
  readonly retryAfterMs?: number;
  readonly detail: string;
}

interface TokenRuleMessage {
  readonly jwksUrl?: string;
  readonly jwks?: string;
  readonly issuer: string;
  readonly audience: string;
}

export interface TokenAccessResponse {
  readonly rule?: TokenRuleMessage;
  readonly clientKey?: Uint8Array;
  readonly serverKey?: Uint8Array;
  readonly endpointDisabled: boolean;
  readonly allowedNetworks: readonly string[];
}

export type WakeComputeResponse = { readonly node: NodeMessage } | { readonly failure: FailureMessage };

const startKinds: Record<StartKind, string> = {
  running: 'START_KIND_RUNNING',
  started: 'START_KIND_STARTED',
  joined: 'START_KIND_JOINED',
};

export function toWakeResponse(outcome: WakeOutcome): WakeComputeResponse {
  return outcome.ok ? { node: toNode(outcome.node) } : { failure: toFailure(outcome.failure) };
}

export function toTokenAccessResponse({ login, disabled, allowedNetworks }: TokenAccess): TokenAccessResponse {
  const access = { endpointDisabled: disabled, allowedNetworks };
  if (login === undefined) return access;
  const { rule, clientKey, serverKey } = login;
  return { rule: toTokenRule(rule), clientKey, serverKey, ...access };
}

function toTokenRule({ keySet, issuer = '', audience = '' }: TokenRule): TokenRuleMessage {
  return { ...(keySet.kind === 'url' ? { jwksUrl: keySet.url } : { jwks: keySet.jwks }), issuer, audience };
}

function toNode(node: WokenNode): NodeMessage {
  return {
    endpoint: node.endpoint,
    generation: node.generation,
    address: toAddress(node.address),
    identity: toIdentity(node.identity),
    issuedAt: node.issuedAtMs,
    signature: node.signature ?? '',
    startKind: startKinds[node.startKind],
  };
}

function toAddress(address: NodeAddress): NodeMessage['address'] {
  return address.kind === 'tcp'
    ? { host: address.host, port: address.port }
    : { socketDirectory: address.socketDirectory, port: address.port };
}

function toIdentity(identity: ComputeIdentity): NodeMessage['identity'] {
  switch (identity.kind) {
    case 'clusterName':
      return { clusterName: identity.value };
    case 'tlsSan':
      return { tlsSan: identity.value };
    case 'unproven':
      return { unproven: true };
  }
}

function toFailure({ reason, retryAfterMs, detail }: WakeFailure): FailureMessage {
  const message = { reason: reason === 'UNKNOWN' ? 'WAKE_FAILURE_REASON_UNSPECIFIED' : reason, detail };
  return retryAfterMs === undefined ? message : { ...message, retryAfterMs: Math.ceil(retryAfterMs) };
}
