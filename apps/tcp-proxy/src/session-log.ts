// What sessions tell the log and the metrics: one line when a client is connected, one when its session ends.

import type { JourneyEvent, JourneyReport } from '@pgwake/connect-core';
import type { GatewayError } from '@pgwake/gateway-errors';
import type { SessionFacts, SessionObserver } from '@pgwake/pg-session';
import { type Logger, type ProxyMetrics, errorKeys } from '@pgwake/telemetry';

export function createSessionLog(log: Logger, metrics: ProxyMetrics): SessionObserver {
  return {
    connected(session, journey) {
      observeJourney(metrics, journey, 'connected');
      log.info({ ...sessionKeys(session), ...journeyKeys(journey) }, 'connected');
    },
    ended(session, outcome) {
      const keys = sessionKeys(session);
      switch (outcome.kind) {
        case 'relayed': {
          const { endedBy, cause, bytesUp, bytesDown, atEnd } = outcome.ending;
          metrics.relayedBytes.inc({ direction: 'up' }, bytesUp);
          metrics.relayedBytes.inc({ direction: 'down' }, bytesDown);
          log.info(
            { ...keys, endedBy, atEnd, bytesUp, bytesDown, ...(cause && { cause: cause.message }) },
            'session ended',
          );
          return;
        }
        case 'refused': {
          const { error, journey } = outcome;
          metrics.countError(error.code, error.entry.blame);
          if (journey !== undefined) observeJourney(metrics, journey, 'failed');
          logAt(log, error)({ ...keys, ...errorKeys(error), ...(journey && journeyKeys(journey)) }, 'session refused');
          return;
        }
        case 'cancelRequest':
          log.info({ ...keys, found: outcome.found }, 'cancel request');
      }
    },
  };
}

function observeJourney(metrics: ProxyMetrics, journey: JourneyReport, outcome: 'connected' | 'failed'): void {
  metrics.connectSeconds.observe({ outcome, start: journey.startKind ?? 'cached' }, journey.totalMs / 1000);
  metrics.connectPhaseSeconds.observe({ phase: 'wake' }, journey.wakeWaitMs / 1000);
  metrics.connectPhaseSeconds.observe({ phase: 'dial' }, journey.dialMs / 1000);
  metrics.connectPhaseSeconds.observe({ phase: 'sleep' }, journey.sleepMs / 1000);
  metrics.connectPhaseSeconds.observe({ phase: 'queue' }, journey.queueMs / 1000);
}

/** The whole story of a journey in one line. */
function journeyKeys({ steps, ...figures }: JourneyReport): Record<string, unknown> {
  const rounded = Object.entries(figures).map(([key, value]) => [
    key,
    typeof value === 'number' ? Math.round(value * 10) / 10 : value,
  ]);
  return { ...Object.fromEntries(rounded), steps: steps.map(describeStep).join(', ') };
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

function sessionKeys({ sessionId, peer, encrypted, admitted }: SessionFacts): Record<string, unknown> {
  return { sessionId, peer: peer.address, encrypted, ...admitted };
}

function logAt(log: Logger, { entry }: GatewayError): (keys: object, message: string) => void {
  return (keys, message) => log[entry.logLevel](keys, message);
}
