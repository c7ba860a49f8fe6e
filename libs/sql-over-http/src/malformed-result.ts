import { GatewayError } from '@pgwake/gateway-errors';

/** A compute that sends what is no Postgres protocol: nothing it says from here on can be trusted. */
export function malformedResult(what: string): GatewayError {
  return new GatewayError('COMPUTE_LOST_IN_QUERY', { detail: `malformed ${what}` });
}
