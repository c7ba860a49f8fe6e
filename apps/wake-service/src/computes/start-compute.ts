// One start of one compute: take the next generation in the catalog, have it started, apply what was said about its roles
// while it slept, say in the catalog that it runs. Only then is it announced; everything else comes after the answer.

import { type Millis, millis } from '@pgwake/ids';
import { type Logger, type WakeMetrics, errorKeys } from '@pgwake/telemetry';
import type { WakeFailureReason } from '@pgwake/wake-api';
import type {
  Catalog,
  ComputeDriver,
  ComputeRef,
  EndpointRecord,
  RunningCompute,
  StartPhases,
  WakeReason,
} from '@pgwake/wake-core';
import { applyPendingRoles } from '../roles/apply-role-changes.js';
import type { ComputeWatches } from './compute-watches.js';
import { keepTrying } from './keep-trying.js';

export type StartResult =
  | { readonly kind: 'started'; readonly compute: RunningCompute }
  | { readonly kind: 'failed'; readonly reason: WakeFailureReason; readonly detail: string }
  /** Somebody else was faster, or took it over meanwhile: read the record again. */
  | { readonly kind: 'overtaken' };

/** A compute that came up and is not wanted is shut down cleanly all the same: the next start need not recover. */
const endWithinMs = millis(5_000);

export class ComputeStarter {
  constructor(
    private readonly catalog: Catalog,
    private readonly driver: ComputeDriver,
    private readonly watches: ComputeWatches,
    private readonly metrics: WakeMetrics,
    private readonly log: Logger,
    private readonly startTimeoutMs: Millis,
  ) {}

  /** Starts a compute that sleeps. */
  async start(asleep: EndpointRecord, reason: WakeReason): Promise<StartResult> {
    const begunAt = performance.now();
    const begun = await this.catalog.beginStart(asleep.id);
    if (begun?.compute.kind !== 'starting') return { kind: 'overtaken' };
    const ref: ComputeRef = { endpoint: begun.id, generation: begun.compute.generation };
    const beginMs = performance.now() - begunAt;

    const { result, phases } = await this.#bringUp(begun, ref);
    this.#tell(ref, reason, result, performance.now() - begunAt, { begin: beginMs, ...phases });
    return result;
  }

  /** Finishes a start that another instance had begun and this one has taken over. */
  async finish(record: EndpointRecord, compute: RunningCompute): Promise<StartResult> {
    return (await this.#announce(record, compute)).result;
  }

  async #bringUp(record: EndpointRecord, ref: ComputeRef): Promise<{ result: StartResult; phases: StartPhases }> {
    const limit = AbortSignal.timeout(this.startTimeoutMs);
    try {
      // Nothing to do, except for an endpoint whose creation was interrupted.
      if (record.rolesPending) await this.driver.prepare(ref.endpoint, limit);
      const outcome = await this.driver.start(ref, limit);
      if (outcome.ok) {
        const { result, phases } = await this.#announce(record, outcome.compute);
        return { result, phases: { ...outcome.phases, ...phases } };
      }
      const reason = outcome.transient ? 'START_FAILED_TRANSIENT' : 'START_FAILED';
      return { result: await this.#fail(ref, limit.aborted ? 'START_TIMED_OUT' : reason, outcome.detail), phases: {} };
    } catch (error) {
      this.log.error({ ...ref, ...errorKeys(error) }, 'start broke off');
      await this.#end(ref);
      return { result: await this.#fail(ref, 'START_FAILED', String(error)), phases: {} };
    }
  }

  async #announce(
    record: EndpointRecord,
    compute: RunningCompute,
  ): Promise<{ result: StartResult; phases: StartPhases }> {
    const begunAt = performance.now();
    if (record.rolesPending) {
      try {
        await this.#applyRoles(record, compute);
      } catch (error) {
        this.log.warn({ endpoint: record.id, ...errorKeys(error) }, 'role changes could not be applied');
        await this.#end(compute);
        const detail = `role changes could not be applied: ${String(error)}`;
        return { result: await this.#fail(compute, 'START_FAILED_TRANSIENT', detail), phases: {} };
      }
    }
    const appliedAt = performance.now();
    const announced = await keepTrying('announcing a start', this.log, () => this.#completeStart(compute));
    if (!announced) {
      await this.#end(compute);
      return { result: { kind: 'overtaken' }, phases: {} };
    }
    this.watches.begin(compute, record.idleSuspendAfterMs);
    return {
      result: { kind: 'started', compute },
      phases: {
        ...(record.rolesPending ? { roles: appliedAt - begunAt } : {}),
        announce: performance.now() - appliedAt,
      },
    };
  }

  async #applyRoles(record: EndpointRecord, compute: RunningCompute): Promise<void> {
    const changes = await this.catalog.pendingRoles(record.id);
    const roles = await applyPendingRoles(this.driver.serviceAccess(compute), changes, record, this.log);
    await this.catalog.replaceRoles(compute, roles);
  }

  /** A move whose answer was lost has been made all the same. */
  async #completeStart(compute: RunningCompute): Promise<boolean> {
    if (await this.catalog.completeStart(compute)) return true;
    const now = (await this.catalog.find(compute.endpoint))?.compute;
    return now?.kind === 'running' && now.generation === compute.generation && now.owner.id === this.catalog.self;
  }

  /** If that fails too, the driver ends it before its next start. */
  async #end(ref: ComputeRef): Promise<void> {
    await this.driver
      .suspend(ref, endWithinMs)
      .catch((error: unknown) => this.log.error({ ...ref, ...errorKeys(error) }, 'compute could not be ended'));
  }

  async #fail(ref: ComputeRef, reason: WakeFailureReason, detail: string): Promise<StartResult> {
    await keepTrying('recording a failed start', this.log, () =>
      this.catalog.failStart(ref, { countsAsFailedStart: true }),
    );
    return { kind: 'failed', reason, detail };
  }

  /** Log, metric and history. Nobody waits for it. */
  #tell(ref: ComputeRef, reason: WakeReason, result: StartResult, totalMs: number, phases: StartPhases): void {
    if (result.kind === 'overtaken') return;
    const outcome = result.kind;
    const detail = result.kind === 'failed' ? result.detail : undefined;
    this.metrics.startSeconds.observe({ outcome }, totalMs / 1_000);
    const level = outcome === 'started' ? 'info' : 'error';
    this.log[level](
      { ...ref, reason, totalMs, phases, detail },
      outcome === 'started' ? 'compute started' : 'start failed',
    );
    this.catalog
      .recordWake({ ...ref, reason, outcome, totalMs, phases, detail })
      .catch((error: unknown) => this.log.warn({ ...ref, ...errorKeys(error) }, 'start is missing from the history'));
  }
}
