// What to do next for somebody who wants the compute of an endpoint. Pure: the executor does the step, reads the record
// again and asks again, until the step is an answer or a refusal. Nobody is refused because of a state of the compute.

import type { Generation, Millis } from '@pgwake/ids';
import type { WakeFailureReason } from '@pgwake/wake-api';
import type { RunningCompute } from './compute-driver.js';
import { pauseLeftMs } from './crash-loop.js';
import { type EndpointRecord, runningCompute } from './endpoint-record.js';

export type WakeStep =
  | { readonly kind: 'answer'; readonly compute: RunningCompute }
  /** The caller failed to reach this very generation: see whether it lives. Alive: answer. Dead: record it, ask again. */
  | { readonly kind: 'probe'; readonly compute: RunningCompute }
  | { readonly kind: 'start' }
  /** Somebody alive is starting or suspending it: ask again when the record has changed. */
  | { readonly kind: 'await' }
  /** Its owner is gone: take over what is left of it, then ask again. */
  | { readonly kind: 'settle' }
  | {
      readonly kind: 'refuse';
      readonly reason: WakeFailureReason;
      readonly retryAfterMs: Millis | undefined;
      readonly detail: string;
    };

/**
 * @param record what the catalog holds, `undefined` when it does not know the endpoint
 * @param suspect the generation whose address failed the caller
 */
export function planWake(record: EndpointRecord | undefined, suspect: Generation | undefined): WakeStep {
  if (!record || record.availability === 'deleting') return refuse('ENDPOINT_NOT_FOUND', 'no such endpoint');
  if (record.availability === 'disabled') return refuse('ENDPOINT_DISABLED', 'disabled');

  const { compute } = record;
  switch (compute.kind) {
    case 'running': {
      if (!compute.owner.lives) return { kind: 'settle' };
      const running = runningCompute(record.id, compute);
      return suspect === compute.generation
        ? { kind: 'probe', compute: running }
        : { kind: 'answer', compute: running };
    }
    case 'starting':
    case 'suspending':
      return compute.owner.lives ? { kind: 'await' } : { kind: 'settle' };
    case 'suspended': {
      const pauseMs = pauseLeftMs(record.failedStarts);
      if (pauseMs === 0) return { kind: 'start' };
      return refuse('START_FAILED', `${record.failedStarts?.count} failed starts in a row`, pauseMs);
    }
  }
}

function refuse(reason: WakeFailureReason, detail: string, retryAfterMs?: Millis): WakeStep {
  return { kind: 'refuse', reason, retryAfterMs, detail };
}
