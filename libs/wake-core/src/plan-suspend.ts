// What to do next to put a compute to sleep, and what an exit of a compute means.

import type { Generation } from '@pgwake/ids';
import type { ComputeRef, RunningCompute } from './compute-driver.js';
import { crashLoop } from './crash-loop.js';
import { type EndpointRecord, runningCompute } from './endpoint-record.js';
import type { ActivitySample } from './idleness.js';

/**
 * `idle`: only the generation that was seen idle; `seen` is the sample that said so, and whatever differs from it in a
 * last look calls the suspend off. The others want the endpoint asleep, whatever runs.
 */
export type SuspendCause =
  | { readonly kind: 'idle'; readonly generation: Generation; readonly seen: ActivitySample }
  | { readonly kind: 'requested' }
  | { readonly kind: 'shutdown' }
  | { readonly kind: 'deletion' };

export type SuspendStep =
  | { readonly kind: 'suspend'; readonly compute: RunningCompute }
  | { readonly kind: 'await' }
  | { readonly kind: 'settle' }
  /** It sleeps already, or it is not ours to decide any more. */
  | { readonly kind: 'nothing' };

export function planSuspend(record: EndpointRecord | undefined, cause: SuspendCause): SuspendStep {
  if (!record || record.compute.kind === 'suspended') return { kind: 'nothing' };
  const { compute } = record;
  if (cause.kind === 'idle' && (compute.kind !== 'running' || compute.generation !== cause.generation)) {
    return { kind: 'nothing' };
  }
  if (!compute.owner.lives) return { kind: 'settle' };
  return compute.kind === 'running'
    ? { kind: 'suspend', compute: runningCompute(record.id, compute) }
    : { kind: 'await' };
}

export type ExitStep =
  | { readonly kind: 'recordExit'; readonly countsAsFailedStart: boolean }
  /** Another generation, or a suspend that is under way and expects the exit. */
  | { readonly kind: 'nothing' };

/** A compute is found gone although nobody asked it to go. */
export function planExit(record: EndpointRecord | undefined, ref: ComputeRef): ExitStep {
  const compute = record?.compute;
  if (!record || compute?.kind !== 'running' || compute.generation !== ref.generation) return { kind: 'nothing' };
  return { kind: 'recordExit', countsAsFailedStart: record.stateAgeMs < crashLoop.stableAfterMs };
}
