// What a proxy hears when its question has no answer. UNAVAILABLE makes it ask again: the catalog may be starting.

import { status } from '@grpc/grpc-js';
import { Catch, Inject, type RpcExceptionFilter } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { isCatalogUnavailable } from '@pgwake/catalog';
import { type Logger, errorKeys } from '@pgwake/telemetry';
import { type Observable, throwError } from 'rxjs';
import { logToken } from '../tokens.js';

@Catch()
export class CallErrorFilter implements RpcExceptionFilter {
  constructor(@Inject(logToken) private readonly log: Logger) {}

  catch(error: unknown): Observable<never> {
    return throwError(() => this.#toStatus(error));
  }

  #toStatus(error: unknown): object {
    if (error instanceof RpcException) return error.getError() as object;
    this.log.error(errorKeys(error), 'call failed');
    return isCatalogUnavailable(error)
      ? { code: status.UNAVAILABLE, message: 'the catalog does not answer' }
      : { code: status.INTERNAL, message: 'internal error' };
  }
}
