// How a wake-service instance takes over from one that is gone: what runs is kept, what was begun is finished or undone,
// and what nobody knows of is ended. Whatever belongs to an instance that lives is left alone.

import type { ComputeRef, RunningCompute } from './compute-driver.js';
import { type EndpointRecord, isSameCompute } from './endpoint-record.js';

export type AdoptionStep =
  /** It runs and the record says so, or says that it was about to be suspended: look after it from now on. */
  | { readonly kind: 'own'; readonly compute: RunningCompute }
  /** It came up, but its owner did not live to say so. */
  | { readonly kind: 'finishStart'; readonly compute: RunningCompute }
  /** It was being started: end whatever is left of that, and call it suspended. */
  | { readonly kind: 'undoStart'; readonly ref: ComputeRef }
  /** It should run and does not. */
  | { readonly kind: 'recordGone'; readonly ref: ComputeRef }
  /** It runs and should not. */
  | { readonly kind: 'end'; readonly ref: ComputeRef };

/**
 * @param record the catalog's word, `undefined` when it does not know the endpoint
 * @param found the compute of that endpoint that the driver found running
 * @returns steps in the order to do them; none when there is nothing to take over
 */
export function planAdoption(
  record: EndpointRecord | undefined,
  found: RunningCompute | undefined,
): readonly AdoptionStep[] {
  if (!record) return found ? [{ kind: 'end', ref: found }] : [];
  const { compute } = record;
  if (compute.kind === 'suspended') return found ? [{ kind: 'end', ref: found }] : [];
  if (compute.owner.lives) return [];

  const ref: ComputeRef = { endpoint: record.id, generation: compute.generation };
  if (found && isSameCompute(found, ref)) {
    return [{ kind: compute.kind === 'starting' ? 'finishStart' : 'own', compute: found }];
  }
  const stray: readonly AdoptionStep[] = found ? [{ kind: 'end', ref: found }] : [];
  return [...stray, { kind: compute.kind === 'starting' ? 'undoStart' : 'recordGone', ref }];
}
