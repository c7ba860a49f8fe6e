// The compute's own words about a query, as an error of the catalogue.

import { GatewayError, type PostgresErrorFields } from '@pgwake/gateway-errors';
import type { ErrorFields } from '@pgwake/pg-wire';

/** https://www.postgresql.org/docs/current/protocol-error-fields.html */
const furtherFields = {
  position: 'P',
  internalPosition: 'p',
  internalQuery: 'q',
  where: 'W',
  schema: 's',
  table: 't',
  column: 'c',
  dataType: 'd',
  constraint: 'n',
  file: 'F',
  line: 'L',
  routine: 'R',
} as const satisfies Partial<Record<keyof PostgresErrorFields, string>>;

/** QUERY_FAILED with every field that Postgres sent. */
export function toQueryError({ severity, code, message, detail, hint, fields }: ErrorFields): GatewayError {
  const further = Object.entries(furtherFields).flatMap(([name, letter]) => {
    const text = fields.get(letter);
    return text === undefined ? [] : [[name, text]];
  });
  return new GatewayError('QUERY_FAILED', {
    asSent: {
      severity,
      code,
      message,
      ...(detail === undefined ? {} : { detail }),
      ...(hint === undefined ? {} : { hint }),
      ...Object.fromEntries(further),
    },
  });
}

/** What a query connection cannot do, in the form of Postgres' own refusals: 0A000, feature not supported. */
export function notSupported(message: string): GatewayError {
  return new GatewayError('QUERY_FAILED', { asSent: { severity: 'ERROR', code: '0A000', message } });
}

/** FATAL and PANIC end the session; then nothing of the query's outcome is certain. */
export function endsSession({ severity }: ErrorFields): boolean {
  return severity !== 'ERROR';
}
