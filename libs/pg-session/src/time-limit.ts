import { GatewayError } from '@pgwake/gateway-errors';

export interface TimeLimit {
  /** Aborted with CLIENT_TOO_SLOW when the time is up, and with the reason of its parent when that is. */
  readonly signal: AbortSignal;
  /** Frees the timer, and from now on it is aborted no more; as often as one likes. */
  release(): void;
}

export function startLimit(limitMs: number, parent: AbortSignal): TimeLimit {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new GatewayError('CLIENT_TOO_SLOW')), limitMs);
  const onParentAbort = () => limit.abort(parent.reason);
  if (parent.aborted) onParentAbort();
  else parent.addEventListener('abort', onParentAbort);
  return {
    signal: limit.signal,
    release() {
      clearTimeout(timer);
      parent.removeEventListener('abort', onParentAbort);
    },
  };
}
