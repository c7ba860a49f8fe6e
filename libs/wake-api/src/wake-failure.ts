import { type ErrorCode, GatewayError } from '@pgwake/gateway-errors';
import type { WakeFailure } from './wake-api.js';

// A reason decides, never a status class. Whatever is not listed here stops.
const codes: Record<WakeFailure['reason'], ErrorCode> = {
  ENDPOINT_NOT_FOUND: 'ENDPOINT_NOT_FOUND',
  ENDPOINT_DISABLED: 'ENDPOINT_DISABLED',
  QUOTA_EXCEEDED: 'QUOTA_EXCEEDED',
  RATE_LIMITED: 'RATE_LIMITED',
  BUSY: 'WAKE_BUSY',
  START_FAILED_TRANSIENT: 'WAKE_FAILED_TRANSIENT',
  START_FAILED: 'WAKE_FAILED',
  START_TIMED_OUT: 'WAKE_TIMEOUT',
  UNKNOWN: 'WAKE_FAILED',
};

/** The catalogue's error for a failed wake. `user` fills the text where it reads like a failed login. */
export function toGatewayError(failure: WakeFailure, user: string): GatewayError {
  return new GatewayError(codes[failure.reason], {
    params: { user },
    detail: failure.detail,
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
  });
}
