// A connect journey in the log and in the metrics.

import type { JourneyEvent, JourneyReport } from '@pgwake/connect-core';
import type { ProxyMetrics } from '@pgwake/telemetry';

export function observeJourney(metrics: ProxyMetrics, journey: JourneyReport, outcome: 'connected' | 'failed'): void {
  metrics.connectSeconds.observe({ outcome, start: journey.startKind ?? 'cached' }, journey.totalMs / 1000);
  metrics.connectPhaseSeconds.observe({ phase: 'wake' }, journey.wakeWaitMs / 1000);
  metrics.connectPhaseSeconds.observe({ phase: 'dial' }, journey.dialMs / 1000);
  metrics.connectPhaseSeconds.observe({ phase: 'sleep' }, journey.sleepMs / 1000);
  metrics.connectPhaseSeconds.observe({ phase: 'queue' }, journey.queueMs / 1000);
}

/** The whole story of a journey in one line. */
export function toJourneyKeys({ steps, ...figures }: JourneyReport): Record<string, unknown> {
  const keys: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(figures)) {
    keys[key] = typeof value === 'number' ? Math.round(value * 10) / 10 : value;
  }
  keys['steps'] = steps.map(describeStep).join(', ');
  return keys;
}

function describeStep(step: JourneyEvent): string {
  switch (step.kind) {
    case 'cacheMiss':
      return 'cache miss';
    case 'cacheHit':
      return `cache hit (generation ${step.generation})`;
    case 'evicted':
      return `evicted generation ${step.generation} (${step.because})`;
    case 'waking':
      return `wake ${step.wakeAttempt}`;
    case 'wakeFailed':
      return `wake failed (${step.error.code})`;
    case 'woken':
      return `woken (generation ${step.generation}, ${step.startKind})`;
    case 'dialFailed':
      return `dial ${step.dialAttempt} of ${step.origin} failed (${step.error.code}: ${step.verdict})`;
    case 'dialled':
      return `dial ${step.dialAttempt} of ${step.origin} connected`;
  }
}
