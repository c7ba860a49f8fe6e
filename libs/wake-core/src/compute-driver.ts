// The port behind which computes live: child processes, Kubernetes workloads, somebody else's machines.
// Every driver passes the same conformance suite.

import type { EndpointId, Generation, Millis } from '@pgwake/ids';
import type { ComputeIdentity, NodeAddress } from '@pgwake/wake-api';

/** One generation of one endpoint's compute. */
export interface ComputeRef {
  readonly endpoint: EndpointId;
  readonly generation: Generation;
}

export interface RunningCompute extends ComputeRef {
  readonly address: NodeAddress;
  readonly identity: ComputeIdentity;
}

/** Milliseconds spent in each named part of a start, in order. Shown in the history of wakes. */
export type StartPhases = Readonly<Record<string, number>>;

export type StartOutcome =
  | { readonly ok: true; readonly compute: RunningCompute; readonly phases: StartPhases }
  | { readonly ok: false; readonly transient: boolean; readonly detail: string };

/** How to reach a compute with wake-service's own superuser. `password` is a secret: it never goes into a log. */
export interface ServiceAccess {
  /** A host name or IP address, or the directory of a unix socket (as `pg` takes it). */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface ComputeDriver {
  /** Makes the durable home of an endpoint (a data directory, a volume). Doing it again changes nothing. */
  prepare(endpoint: EndpointId, signal: AbortSignal): Promise<void>;
  /** Resolves once the compute may be dialled. Never throws for a compute that does not come up. */
  start(ref: ComputeRef, signal: AbortSignal): Promise<StartOutcome>;
  /** Clean, fast shutdown; resolves when nothing of the generation runs any more. Suspending what is gone is no error. */
  suspend(ref: ComputeRef, limit: Millis): Promise<void>;
  /** Whether the generation runs right now. */
  probe(ref: ComputeRef): Promise<boolean>;
  /**
   * Finds what runs of the wanted endpoints (all, if it is not said) although this life did not start it, and takes it
   * over. What is not wanted belongs to another instance that lives, and is not touched. May be called at any time.
   */
  adopt(wanted?: (endpoint: EndpointId) => boolean): Promise<readonly RunningCompute[]>;
  serviceAccess(compute: RunningCompute): ServiceAccess;
  /** Removes the durable home of an endpoint whose compute does not run. */
  destroy(endpoint: EndpointId): Promise<void>;
  /** Calls back once per generation that ended without having been suspended. Returns the unsubscribe function. */
  onExit(listener: (ref: ComputeRef, detail: string) => void): () => void;
  /** Lets go of what runs without ending it. */
  detach(): Promise<void>;
}
