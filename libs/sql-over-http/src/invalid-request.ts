import { GatewayError } from '@pgwake/gateway-errors';

/** `what` is read by the client behind "the request is not valid: ", so it repeats nothing secret. */
export function invalidRequest(what: string): GatewayError {
  return new GatewayError('REQUEST_INVALID', { params: { what } });
}
