// What gRPC says about a call that got no answer, in the words of the catalogue.

import { status } from '@grpc/grpc-js';
import { type ErrorCode, GatewayError } from '@pgwake/gateway-errors';

/** A ServiceError of gRPC, or a failure that came in its place. */
export interface CallError {
  readonly code: status;
  readonly details: string;
}

/**
 * A call to wake-service that failed, as an error of the catalogue. Only what says "nobody was there" may be tried again:
 * UNAVAILABLE, and CANCELLED when it was not us (a server that shuts down ends its calls that way). Whatever else comes
 * (INTERNAL for an answer that cannot be decoded, UNIMPLEMENTED, PERMISSION_DENIED ...) repeats itself, so it stops.
 *
 * @param codes what running out of time and an answer without sense mean for this call
 */
export function classifyCallError(
  error: CallError,
  codes: { readonly timeout: ErrorCode; readonly nonsense: ErrorCode },
): GatewayError {
  const detail = `wake-service: ${status[error.code] ?? error.code}: ${error.details}`;
  return new GatewayError(codeOf(error.code, codes), { detail, ...(error instanceof Error && { cause: error }) });
}

function codeOf(code: status, codes: { readonly timeout: ErrorCode; readonly nonsense: ErrorCode }): ErrorCode {
  switch (code) {
    case status.UNAVAILABLE:
    case status.CANCELLED:
      return 'WAKE_SERVICE_UNAVAILABLE';
    case status.DEADLINE_EXCEEDED:
      return codes.timeout;
    default:
      return codes.nonsense;
  }
}
