// Wakes: one flight per endpoint that all callers share, from the first look at the record to an answer. Callers may
// leave; the flight goes on. Between instances the catalog makes the start unique.

import type { EndpointId, Generation } from '@pgwake/ids';
import type { TokenBuckets } from '@pgwake/limits';
import { type NodeKeys, signNode } from '@pgwake/node-cache';
import type { WakeMetrics } from '@pgwake/telemetry';
import type { StartKind, WakeOutcome } from '@pgwake/wake-api';
import { type Catalog, type EndpointRecord, type RunningCompute, type WakeReason, planWake } from '@pgwake/wake-core';
import type { ComputeAdopter } from './adopt-computes.js';
import { untilDecided } from './changes.js';
import type { Exits } from './exits.js';
import type { ComputeStarter } from './start-compute.js';

export interface WakeOrder {
  readonly endpoint: EndpointId;
  readonly suspectGeneration: Generation | undefined;
  readonly reason: WakeReason;
}

export class ComputeWaker {
  readonly #flights = new Map<string, Promise<WakeOutcome>>();

  constructor(
    private readonly catalog: Catalog,
    private readonly starter: ComputeStarter,
    private readonly adopter: ComputeAdopter,
    private readonly exits: Exits,
    /** By endpoint: how often connections may still start its compute. */
    private readonly starts: TokenBuckets | undefined,
    private readonly nodeKeys: NodeKeys,
    private readonly metrics: WakeMetrics,
  ) {}

  /** Rejects only when the catalog cannot be asked. */
  async wake(order: WakeOrder): Promise<WakeOutcome> {
    const outcome = await this.#join(order);
    this.metrics.wakes.inc({ outcome: outcome.ok ? outcome.node.startKind : outcome.failure.reason });
    return outcome;
  }

  /** Resolves when no wake is under way. */
  async idle(): Promise<void> {
    while (this.#flights.size > 0) await Promise.allSettled(this.#flights.values());
  }

  async #join(order: WakeOrder): Promise<WakeOutcome> {
    // Who suspects a generation must not be served by a flight that answers with it unseen.
    const key = `${order.endpoint}/${order.suspectGeneration ?? ''}`;
    const flight = this.#flights.get(key);
    if (flight) return asJoiner(await flight);
    const ours = this.#fly(order).finally(() => this.#flights.delete(key));
    this.#flights.set(key, ours);
    return ours;
  }

  async #fly(order: WakeOrder): Promise<WakeOutcome> {
    let awaited = false;
    return untilDecided<WakeOutcome>(this.catalog, order.endpoint, async (record) => {
      const decision = await this.#decide(order, record, awaited ? 'joined' : 'running');
      awaited ||= decision === 'await';
      return decision;
    });
  }

  async #decide(
    order: WakeOrder,
    record: EndpointRecord | undefined,
    startKind: StartKind,
  ): Promise<WakeOutcome | 'again' | 'await'> {
    const step = planWake(record, order.suspectGeneration);
    switch (step.kind) {
      case 'answer':
        return this.#answer(step.compute, startKind);
      case 'probe':
        return (await this.exits.check(step.compute)) ? this.#answer(step.compute, startKind) : 'again';
      case 'await':
        return 'await';
      case 'settle':
        await this.adopter.settle(order.endpoint);
        return 'again';
      case 'refuse':
        return {
          ok: false,
          failure: { reason: step.reason, retryAfterMs: step.retryAfterMs, detail: step.detail },
        };
      case 'start':
        return record ? this.#start(record, order.reason) : 'again';
    }
  }

  async #start(record: EndpointRecord, reason: WakeReason): Promise<WakeOutcome | 'again'> {
    if (reason === 'connection' && this.starts?.take(record.id) === false) {
      const retryAfterMs = this.starts.waitMs(record.id);
      return { ok: false, failure: { reason: 'RATE_LIMITED', retryAfterMs, detail: 'started too often' } };
    }
    const result = await this.starter.start(record, reason);
    switch (result.kind) {
      case 'started':
        return this.#answer(result.compute, 'started');
      case 'failed':
        return { ok: false, failure: { reason: result.reason, retryAfterMs: undefined, detail: result.detail } };
      case 'overtaken':
        return 'again';
    }
  }

  #answer(compute: RunningCompute, startKind: StartKind): WakeOutcome {
    const node = { ...compute, issuedAtMs: Date.now() };
    return { ok: true, node: { ...node, signature: signNode(node, this.nodeKeys), startKind } };
  }
}

function asJoiner(outcome: WakeOutcome): WakeOutcome {
  if (!outcome.ok || outcome.node.startKind !== 'started') return outcome;
  return { ok: true, node: { ...outcome.node, startKind: 'joined' } };
}
