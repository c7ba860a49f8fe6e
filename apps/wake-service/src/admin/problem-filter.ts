// The one place of the admin API that writes errors.

import type { ServerResponse } from 'node:http';
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { ComputeSetupError } from '@pgwake/compute-process';
import { isGatewayError, toHttpBody } from '@pgwake/gateway-errors';
import { type Logger, errorKeys } from '@pgwake/telemetry';
import { Problem, problem } from './problem.js';

@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly log: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const { status, body } = this.#toProblem(error);
    const response = host.switchToHttp().getResponse<ServerResponse>();
    if (response.headersSent) return void response.destroy();
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
  }

  #toProblem(error: unknown): Pick<Problem, 'status' | 'body'> {
    if (error instanceof Problem) return error;
    if (isGatewayError(error)) return toHttpBody(error);
    if (error instanceof ComputeSetupError) return problem(500, '58000', 'Postgres cannot be set up', error.message);
    const status = error instanceof HttpException ? error.getStatus() : statusOfParser(error);
    if (status !== undefined && status < 500) {
      return problem(status, '08P01', status === 404 ? 'no such resource' : 'the request cannot be read');
    }
    this.log.error(errorKeys(error), 'admin request failed');
    return problem(500, 'XX000', 'internal error');
  }
}

/** The body parser's errors (too large, not JSON) carry a status of their own. */
function statusOfParser(error: unknown): number | undefined {
  const status = (error as { status?: unknown } | undefined)?.status;
  return typeof status === 'number' ? status : undefined;
}
