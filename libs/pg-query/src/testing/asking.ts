// Short ways to ask something of a query connection in tests.

import { parseDataRow } from '@pgwake/pg-wire';
import type { QueryConnection, QueryOutcome, QueryRequest, ResultSink } from '../index.js';

export type Row = readonly (string | null)[];

export interface Collected extends ResultSink {
  readonly rows: Row[];
  /** Command tags; '' for an empty statement. */
  readonly tags: string[];
  /** Statements that described a result. */
  descriptions: number;
}

export function collect(): Collected {
  const collected: Collected = {
    rows: [],
    tags: [],
    descriptions: 0,
    onRowDescription: () => void (collected.descriptions += 1),
    onDataRow(body) {
      const row = parseDataRow(body);
      if (row.kind === 'violation') throw new Error(row.what);
      collected.rows.push(row.value.map((value) => (value === null ? null : Buffer.from(value).toString())));
      return true;
    },
    onCommandComplete: (body) => void collected.tags.push(Buffer.from(body).toString().replace('\0', '')),
  };
  return collected;
}

export function statement(text: string, ...params: (string | null)[]): QueryRequest {
  return { statements: [{ text, params }] };
}

export interface Answer {
  readonly outcome: QueryOutcome;
  readonly rows: readonly Row[];
  readonly tags: readonly string[];
}

export async function ask(
  connection: QueryConnection,
  request: QueryRequest | string,
  signal: AbortSignal = new AbortController().signal,
): Promise<Answer> {
  const sink = collect();
  const asked = typeof request === 'string' ? statement(request) : request;
  const outcome = await connection.run(asked, sink, signal);
  return { outcome, rows: sink.rows, tags: sink.tags };
}

/** Asks, and brings the session back. Throws unless both went well. */
export async function askCleanly(connection: QueryConnection, request: QueryRequest | string): Promise<readonly Row[]> {
  const answer = ask(connection, request);
  const clean = connection.reset();
  const { outcome, rows } = await answer;
  if (outcome.kind === 'failed') throw outcome.error;
  if (!(await clean)) throw new Error('the reset failed');
  return rows;
}
