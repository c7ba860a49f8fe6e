// Looks after one running compute: takes samples of what goes on inside, keeps the catalog's copy of its roles fresh, and
// has it suspended when nothing has happened for long enough.

import type { EndpointId, Millis } from '@pgwake/ids';
import { type Logger, errorKeys } from '@pgwake/telemetry';
import {
  type ActivitySample,
  type Catalog,
  type ComputeRef,
  type EndpointRecord,
  type RoleVerifier,
  type RunningCompute,
  type SuspendCause,
  idleTimeLeftMs,
  nothingSeen,
  observeActivity,
  sameRoles,
} from '@pgwake/wake-core';
import type { Exits } from './exits.js';
import type { ServiceLinks } from './service-links.js';

export interface WatchDeps {
  readonly catalog: Catalog;
  readonly links: ServiceLinks;
  readonly exits: Exits;
  readonly log: Logger;
  /** For endpoints that do not say themselves. */
  readonly idleSuspendAfterMs: Millis;
  /** Asked when a compute has been idle for long enough. */
  readonly suspend: (endpoint: EndpointId, cause: SuspendCause) => Promise<unknown>;
  readonly ended: (ref: ComputeRef) => void;
}

/** The clients that waited for the wake log in during this time; connecting to them at once would take their CPU. */
const firstLookAfterMs = 250;
const longestPauseMs = 5_000;
const shortestPauseMs = 25;
/** An idle window is looked into this often, so that it is exceeded by a fraction of itself only. */
const looksPerWindow = 4;

export class ComputeWatch {
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #looking = false;
  #idleness = nothingSeen;
  #storedRoles: readonly RoleVerifier[] | undefined;
  #idleSuspendAfterMs: Millis;

  constructor(
    readonly compute: RunningCompute,
    idleSuspendAfterMs: Millis | undefined,
    private readonly deps: WatchDeps,
  ) {
    this.#idleSuspendAfterMs = idleSuspendAfterMs ?? deps.idleSuspendAfterMs;
    this.#schedule(firstLookAfterMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** The catalog announced a change: perhaps it is not ours any more, or the idle time differs. */
  recordChanged(): void {
    this.#followRecord().catch((error: unknown) => this.#logFailure(error));
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    // A look that is under way schedules the next one when it is done; there are never two at once.
    if (!this.#stopped && !this.#looking) this.#timer = setTimeout(() => void this.#look(), delayMs);
  }

  async #look(): Promise<void> {
    this.#looking = true;
    try {
      const sample = await this.#sample();
      if (sample) await this.#syncRoles();
      if (this.#stopped) return;
      this.#idleness = observeActivity(this.#idleness, sample, performance.now());
      if (sample && this.#idleTimeLeftMs() === 0) await this.#suspend(sample);
    } catch (error) {
      this.#logFailure(error);
    } finally {
      this.#looking = false;
    }
    this.#schedule(this.#pauseMs());
  }

  async #sample(): Promise<ActivitySample | undefined> {
    try {
      return await this.deps.links.to(this.compute).sampleActivity();
    } catch (error) {
      if (!this.#stopped && (await this.deps.exits.check(this.compute))) this.#logFailure(error);
      return undefined;
    }
  }

  async #syncRoles(): Promise<void> {
    if (this.#stopped) return;
    const roles = await this.deps.links.to(this.compute).readRoles();
    if (this.#storedRoles && sameRoles(this.#storedRoles, roles)) return;
    if (await this.deps.catalog.replaceRoles(this.compute, roles)) this.#storedRoles = roles;
  }

  async #suspend(seen: ActivitySample): Promise<void> {
    const { endpoint, generation } = this.compute;
    // Called off or failed, the next one is a whole window away.
    this.#idleness = nothingSeen;
    await this.deps.suspend(endpoint, { kind: 'idle', generation, seen });
  }

  async #followRecord(): Promise<void> {
    const record = await this.deps.catalog.find(this.compute.endpoint);
    if (this.#stopped) return;
    if (!record || !this.#isOurs(record)) return this.deps.ended(this.compute);
    const idleSuspendAfterMs = record.idleSuspendAfterMs ?? this.deps.idleSuspendAfterMs;
    if (idleSuspendAfterMs === this.#idleSuspendAfterMs) return;
    this.#idleSuspendAfterMs = idleSuspendAfterMs;
    this.#schedule(this.#pauseMs());
  }

  #isOurs({ compute }: EndpointRecord): boolean {
    return (
      (compute.kind === 'running' || compute.kind === 'suspending') &&
      compute.generation === this.compute.generation &&
      compute.owner.id === this.deps.catalog.self
    );
  }

  #idleTimeLeftMs(): Millis {
    return idleTimeLeftMs(this.#idleness, this.#idleSuspendAfterMs, performance.now());
  }

  #pauseMs(): number {
    const pauseMs = Math.min(this.#idleTimeLeftMs(), this.#idleSuspendAfterMs / looksPerWindow, longestPauseMs);
    return Math.max(shortestPauseMs, pauseMs);
  }

  #logFailure(error: unknown): void {
    const { endpoint, generation } = this.compute;
    this.deps.log.warn({ endpoint, generation, ...errorKeys(error) }, 'looking after a compute failed');
  }
}
