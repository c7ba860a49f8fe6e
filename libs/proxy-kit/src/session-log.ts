// What sessions tell the log and the metrics: one line when a client is connected, one when its session ends.

import type { GatewayError } from '@pgwake/gateway-errors';
import type { SessionFacts, SessionObserver } from '@pgwake/pg-session';
import { type Logger, type ProxyMetrics, errorKeys } from '@pgwake/telemetry';
import { observeJourney, toJourneyKeys } from './journey-log.js';

export function createSessionLog(log: Logger, metrics: ProxyMetrics): SessionObserver {
  return {
    connected(session, journey) {
      observeJourney(metrics, journey, 'connected');
      log.info({ ...sessionKeys(session), ...toJourneyKeys(journey) }, 'connected');
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
          logAt(log, error)(
            { ...keys, ...errorKeys(error), ...(journey && toJourneyKeys(journey)) },
            'session refused',
          );
          return;
        }
        case 'cancelRequest':
          metrics.cancelRequests.inc({ result: outcome.result });
          log.info({ ...keys, result: outcome.result }, 'cancel request');
      }
    },
  };
}

function sessionKeys({ sessionId, peer, encrypted, admitted }: SessionFacts): Record<string, unknown> {
  return { sessionId, peer: peer.address, encrypted, ...admitted };
}

function logAt(log: Logger, { entry }: GatewayError): (keys: object, message: string) => void {
  return (keys, message) => log[entry.logLevel](keys, message);
}
