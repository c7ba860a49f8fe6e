import { GatewayError } from '@pgwake/gateway-errors';
import { joinSignals } from './join-signals.js';

export interface TimeLimit {
  /** Aborted with CLIENT_TOO_SLOW when the time is up, and with the reason of its parent when that is. */
  readonly signal: AbortSignal;
  /** Frees the timer, and from now on it is aborted no more; as often as one likes. */
  release(): void;
}

export function startLimit(limitMs: number, parent: AbortSignal): TimeLimit {
  const time = new AbortController();
  const timer = setTimeout(() => time.abort(new GatewayError('CLIENT_TOO_SLOW')), limitMs);
  const joined = joinSignals(time.signal, parent);
  return {
    signal: joined.signal,
    release() {
      clearTimeout(timer);
      joined.release();
    },
  };
}
