// The errors of calls that Nest handles, as statuses.

import { Catch, Inject, type RpcExceptionFilter } from '@nestjs/common';
import type { Logger } from '@pgwake/telemetry';
import { type Observable, throwError } from 'rxjs';
import { logToken } from '../tokens.js';
import { toCallStatus } from './call-status.js';

@Catch()
export class CallErrorFilter implements RpcExceptionFilter {
  constructor(@Inject(logToken) private readonly log: Logger) {}

  catch(error: unknown): Observable<never> {
    return throwError(() => toCallStatus(error, this.log));
  }
}
