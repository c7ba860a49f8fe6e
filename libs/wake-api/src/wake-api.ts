// The words of the contract, as branded and closed types. `proto/wake.proto` is its form on the wire.

import type { EndpointId, Generation, RoleName, SessionId } from '@pgwake/ids';

/** Where one generation of a compute listens. `socketDirectory` is that of Postgres' `unix_socket_directories`. */
export type NodeAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly socketDirectory: string; readonly port: number };

/** What a dial must see to know that it reached the right endpoint and generation. */
export type ComputeIdentity =
  | { readonly kind: 'clusterName'; readonly value: string }
  | { readonly kind: 'tlsSan'; readonly value: string }
  | { readonly kind: 'unproven' };

export type StartKind = 'running' | 'started' | 'joined';

/** A compute that may be dialled. `issuedAtMs`: milliseconds since 1970-01-01 UTC. */
export interface WokenNode {
  readonly endpoint: EndpointId;
  readonly generation: Generation;
  readonly address: NodeAddress;
  readonly identity: ComputeIdentity;
  readonly issuedAtMs: number;
  /** Over all of the above, for those who share it with other proxies. `undefined`: wake-service has no key. */
  readonly signature: string | undefined;
  readonly startKind: StartKind;
}

export interface WakeRequest {
  readonly endpoint: EndpointId;
  /** The generation whose address failed the caller; `undefined` when it only missed an address. */
  readonly suspectGeneration: Generation | undefined;
  readonly sessionId: SessionId;
}

export const wakeFailureReasons = [
  'ENDPOINT_NOT_FOUND',
  'ENDPOINT_DISABLED',
  'QUOTA_EXCEEDED',
  'RATE_LIMITED',
  'BUSY',
  'START_FAILED_TRANSIENT',
  'START_FAILED',
  'START_TIMED_OUT',
] as const;

export type WakeFailureReason = (typeof wakeFailureReasons)[number];

export interface WakeFailure {
  /** `UNKNOWN`: a reason this version does not know. It is never retried. */
  readonly reason: WakeFailureReason | 'UNKNOWN';
  readonly retryAfterMs: number | undefined;
  /** For logs only. */
  readonly detail: string;
}

export type WakeOutcome =
  { readonly ok: true; readonly node: WokenNode } | { readonly ok: false; readonly failure: WakeFailure };

export interface EndpointAccessRequest {
  readonly endpoint: EndpointId;
  readonly role: RoleName;
  readonly sessionId: SessionId;
}

/** Which tokens prove that a client may be the role: https://www.rfc-editor.org/rfc/rfc7519 */
export interface TokenRule {
  /** Public keys that sign them: where they are, or themselves, as the JSON of RFC 7517. */
  readonly keySet: { readonly kind: 'url'; readonly url: string } | { readonly kind: 'inline'; readonly jwks: string };
  /** What `iss` and `aud` have to be; `undefined`: anything. */
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
}

export interface TokenAccess {
  /** `undefined`: no token lets anybody in, because there is no such endpoint or role, or it takes none. */
  readonly login:
    | {
        readonly rule: TokenRule;
        /** SCRAM keys of the role. As secret as its password. */
        readonly clientKey: Uint8Array;
        readonly serverKey: Uint8Array;
      }
    | undefined;
  readonly disabled: boolean;
  /** As in {@link EndpointAccess}. */
  readonly allowedNetworks: readonly string[];
}

export interface EndpointAccess {
  /** `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`; made up for an unknown endpoint or role. */
  readonly verifier: string;
  readonly disabled: boolean;
  /** From where clients may connect, in CIDR notation; none: from everywhere. */
  readonly allowedNetworks: readonly string[];
}
