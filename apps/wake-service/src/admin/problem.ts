// What the admin API says when it does not do what was asked: the fields of a Postgres error, so that people and tools
// that know the gateway's errors know these too.

import { type HttpErrorBody, toHttpBody } from '@pgwake/gateway-errors';
import { type WakeFailure, toGatewayError } from '@pgwake/wake-api';
import type { z } from 'zod';

export class Problem extends Error {
  override readonly name = 'Problem';
  constructor(
    readonly status: number,
    readonly body: HttpErrorBody,
  ) {
    super(body.message);
  }
}

export function problem(status: number, code: string, message: string, detail?: string): Problem {
  const body = { severity: 'ERROR', code, message };
  return new Problem(status, detail === undefined ? body : { ...body, detail });
}

export const endpointNotFound = (id: string): Problem => problem(404, '42704', `endpoint "${id}" does not exist`);

/** The gateway's own error, with the reason that clients never read: this API is for people who run pgwake. */
export function wakeFailed(failure: WakeFailure): Problem {
  const { status, body } = toHttpBody(toGatewayError(failure, ''));
  return new Problem(status, { ...body, detail: failure.detail });
}

/** Says where each mistake is and what is wrong about it, and repeats nothing that was sent. */
export function invalidRequest(issues: readonly z.core.$ZodIssue[]): Problem {
  const detail = issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; ');
  return problem(400, '22023', 'the request is not valid', detail);
}
