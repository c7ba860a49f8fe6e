import { GatewayError } from '@pgwake/gateway-errors';

export interface TimeLimit {
  /** Aborted with CLIENT_TOO_SLOW when the time is up, and with the reason of its parent when that is. */
  readonly signal: AbortSignal;
  /** Frees the timer; as often as one likes. */
  release(): void;
}

export function startLimit(limitMs: number, parent: AbortSignal): TimeLimit {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new GatewayError('CLIENT_TOO_SLOW')), limitMs);
  return { signal: AbortSignal.any([controller.signal, parent]), release: () => clearTimeout(timer) };
}
