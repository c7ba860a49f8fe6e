import type { GatewayError } from './gateway-error.js';

/** Fields of an ErrorResponse (https://www.postgresql.org/docs/current/protocol-error-fields.html). */
export interface PostgresErrorFields {
  readonly severity: string;
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  // From here on only in errors of a query, which clients of SQL over HTTP read; the Postgres protocol relays those.
  readonly position?: string;
  readonly internalPosition?: string;
  readonly internalQuery?: string;
  readonly where?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly dataType?: string;
  readonly constraint?: string;
  readonly file?: string;
  readonly line?: string;
  readonly routine?: string;
}

export type HttpErrorBody = PostgresErrorFields;

/** What a Postgres client reads. `detail` of the gateway error stays behind: it is for the log. */
export function toErrorResponse(error: GatewayError): PostgresErrorFields {
  if (error.asSent !== undefined) return { ...error.asSent, severity: error.entry.severity };
  const { severity, sqlState, hint } = error.entry;
  const fields = { severity, code: sqlState, message: error.message };
  return hint === undefined ? fields : { ...fields, hint };
}

/** What an HTTP client reads, and with which status. */
export function toHttpBody(error: GatewayError): { readonly status: number; readonly body: HttpErrorBody } {
  return { status: error.entry.httpStatus, body: toErrorResponse(error) };
}
