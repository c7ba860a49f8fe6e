// Which error a journey ends with when it may not try any longer. Pure.

import { GatewayError } from '@pgwake/gateway-errors';

/** Where the journey was when it ended. */
export type WaitingFor = 'wake' | 'dial';

/**
 * The time or the retries are used up. An answer of Postgres (it is full) or a control service that cannot be reached is
 * what the client can act on, so it stays; anything else reads as "not yet", with the last failure as its cause.
 */
export function outOfTime(waitingFor: WaitingFor, last: GatewayError | undefined): GatewayError {
  if (last?.code === 'COMPUTE_FULL' || last?.code === 'WAKE_SERVICE_UNAVAILABLE') return last;
  return new GatewayError(waitingFor === 'wake' ? 'WAKE_TIMEOUT' : 'CONNECT_DEADLINE', { cause: last });
}

/** The endpoint's retry budget is used up: see {@link outOfTime} for what stays. */
export function outOfBudget(last: GatewayError): GatewayError {
  return last.code === 'COMPUTE_FULL' ? last : new GatewayError('RETRY_BUDGET_SPENT', { cause: last });
}
