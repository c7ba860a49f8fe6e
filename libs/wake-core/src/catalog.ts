// The port behind which the durable truth about endpoints lives. Every move of a compute from one state to the next is a
// compare-and-set on state and generation, so that of several instances, or of two turns of one, only one goes through.

import type { EndpointId, Generation, Millis, RoleName } from '@pgwake/ids';
import type { ComputeRef, RunningCompute, StartPhases } from './compute-driver.js';
import type { Availability, EndpointRecord, OwnerId } from './endpoint-record.js';
import type { RoleChange, RoleVerifier } from './roles.js';
import type { TokenLogin } from './token-login.js';

export interface NewEndpoint {
  readonly id: EndpointId;
  readonly database: string;
  /** Owner of the database. */
  readonly role: RoleVerifier;
  readonly idleSuspendAfterMs: Millis | undefined;
  /** In CIDR notation; none: clients may connect from everywhere. */
  readonly allowedNetworks: readonly string[];
}

export interface EndpointChange {
  readonly availability?: 'open' | 'disabled';
  /** `null`: back to the default of the service. */
  readonly idleSuspendAfterMs?: Millis | null;
  readonly allowedNetworks?: readonly string[];
}

export type WakeReason = 'connection' | 'admin';

/** One start in the history of an endpoint. */
export interface WakeEntry {
  readonly endpoint: EndpointId;
  readonly generation: Generation;
  readonly reason: WakeReason;
  readonly outcome: 'started' | 'failed';
  readonly totalMs: number;
  readonly phases: StartPhases;
  /** Why it failed, for people who run pgwake. */
  readonly detail: string | undefined;
}

export interface WakeHistoryEntry extends Omit<WakeEntry, 'endpoint'> {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly endedAtMs: number;
}

export interface StoredRole {
  readonly name: RoleName;
  /** Set through the API while the compute slept, and not yet applied to it. */
  readonly pending: boolean;
}

/** What a login is measured by, and no more: it is read for every one. */
export interface StoredAccess {
  readonly availability: Availability;
  readonly allowedNetworks: readonly string[];
  /** Only while it is `running`: one that is started or suspended is not to be asked. */
  readonly running: RunningCompute | undefined;
  /** Of a role that is about to be dropped: none. */
  readonly verifier: string | undefined;
}

export interface Catalog {
  /** This life of this instance. */
  readonly self: OwnerId;

  find(id: EndpointId): Promise<EndpointRecord | undefined>;
  list(): Promise<readonly EndpointRecord[]>;
  /** `undefined` when the name is taken. The generation goes on where an earlier endpoint of that name ended. */
  create(endpoint: NewEndpoint): Promise<EndpointRecord | undefined>;
  /** `undefined` when there is no such endpoint, or it is being deleted. */
  change(id: EndpointId, change: EndpointChange): Promise<EndpointRecord | undefined>;
  /** From now on the endpoint cannot be woken. False when there is no such endpoint. */
  beginDelete(id: EndpointId): Promise<boolean>;
  /** Removes the row of an endpoint that is being deleted and sleeps. */
  completeDelete(id: EndpointId): Promise<boolean>;

  /** suspended -> starting, with the next generation. `undefined` when somebody else was faster. */
  beginStart(id: EndpointId): Promise<EndpointRecord | undefined>;
  /** starting -> running. */
  completeStart(compute: RunningCompute): Promise<boolean>;
  /** starting -> suspended. */
  failStart(ref: ComputeRef, failure: { readonly countsAsFailedStart: boolean }): Promise<boolean>;
  /** running -> suspending, whoever owned it: from now on this instance does. */
  beginSuspend(ref: ComputeRef): Promise<boolean>;
  /** suspending -> running: something happened in the last moment. */
  cancelSuspend(ref: ComputeRef): Promise<boolean>;
  /** suspending -> suspended. Ends a row of failed starts. */
  completeSuspend(ref: ComputeRef): Promise<boolean>;
  /** running -> suspended: the compute is gone. */
  recordExit(ref: ComputeRef, exit: { readonly countsAsFailedStart: boolean }): Promise<boolean>;

  /** running or suspending, of an owner that is gone -> running, of this instance. */
  takeOver(compute: RunningCompute): Promise<boolean>;
  /** starting, of an owner that is gone -> starting, of this instance. */
  takeOverStart(ref: ComputeRef): Promise<boolean>;
  /** Any state, of an owner that is gone -> suspended. */
  recordGone(ref: ComputeRef): Promise<boolean>;

  /** In one read. `undefined` when there is no such endpoint. */
  findAccess(id: EndpointId, role: RoleName): Promise<StoredAccess | undefined>;
  roles(id: EndpointId): Promise<readonly StoredRole[]>;
  pendingRoles(id: EndpointId): Promise<readonly RoleChange[]>;
  /** Only while the compute is suspended; it is applied at the next wake. */
  storePendingRole(id: EndpointId, change: RoleChange): Promise<boolean>;
  /** Only while that generation runs: the change was applied to it. */
  storeAppliedRole(ref: ComputeRef, change: RoleChange): Promise<boolean>;
  /** What was read back from that generation becomes all there is; nothing is pending any more. Not while suspended. */
  replaceRoles(ref: ComputeRef, roles: readonly RoleVerifier[]): Promise<boolean>;

  findTokenLogin(id: EndpointId, role: RoleName): Promise<TokenLogin | undefined>;
  /** In the place of an earlier one. False when there is no such endpoint. */
  storeTokenLogin(id: EndpointId, role: RoleName, login: TokenLogin): Promise<boolean>;
  /** False when there was none. */
  removeTokenLogin(id: EndpointId, role: RoleName): Promise<boolean>;

  recordWake(entry: WakeEntry): Promise<void>;
  /** The latest first. */
  wakes(id: EndpointId, limit: number): Promise<readonly WakeHistoryEntry[]>;

  /** Random, the same for all instances and for ever: made-up verifiers are derived from it. */
  mockSecret(): Promise<Uint8Array>;
  /** Whether the catalog answers. */
  ping(): Promise<void>;

  /**
   * Calls back soon after a record changed, whoever changed it; with `undefined` when changes may have been missed.
   * A hint only: who waits also looks again from time to time. Returns the unsubscribe function.
   */
  onChange(listener: (id: EndpointId | undefined) => void): () => void;
}
