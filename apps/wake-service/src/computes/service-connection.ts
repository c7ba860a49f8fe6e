import type { ServiceAccess } from '@pgwake/wake-core';
import { Client } from 'pg';

const answerWithinMs = 2_000;

/** Verifiers travel in statements of this connection: none of them goes into the compute's own log. */
const sessionOptions = '-c log_statement=none -c log_min_error_statement=panic -c log_min_duration_statement=-1';

/** Logs in to a compute as the service role. `answerWithinMs` is the limit of every single answer. */
export async function connectAsService(
  access: ServiceAccess,
  limit: { readonly answerWithinMs: number } = { answerWithinMs },
): Promise<Client> {
  const client = new Client({
    ...access,
    application_name: 'pgwake',
    options: sessionOptions,
    connectionTimeoutMillis: answerWithinMs,
    statement_timeout: limit.answerWithinMs,
    query_timeout: limit.answerWithinMs + 500,
    keepAlive: true,
  });
  // A connection that breaks ends; without a listener for `error` it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    client.end().catch(() => undefined);
    throw error;
  }
  return client;
}
