// What a proxy hears when its question has no answer. UNAVAILABLE makes it ask again: the catalog may be starting.

import { status } from '@grpc/grpc-js';
import { RpcException } from '@nestjs/microservices';
import { isCatalogUnavailable } from '@pgwake/catalog';
import { type Logger, errorKeys } from '@pgwake/telemetry';

export interface CallStatus {
  readonly code: status;
  readonly message: string;
}

export function invalidArgument(message: string): CallStatus {
  return { code: status.INVALID_ARGUMENT, message };
}

/** Whatever was not meant for the caller is logged, and the caller hears nothing of it. */
export function toCallStatus(error: unknown, log: Logger): CallStatus {
  if (error instanceof RpcException) return error.getError() as CallStatus;
  log.error(errorKeys(error), 'call failed');
  return isCatalogUnavailable(error)
    ? { code: status.UNAVAILABLE, message: 'the catalog does not answer' }
    : { code: status.INTERNAL, message: 'internal error' };
}
