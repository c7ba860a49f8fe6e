// Before anything is measured every contender answers every request once, and all must have said the same.

import { isDeepStrictEqual } from 'node:util';
import { type HttpRequest, ask, createClient } from './http-client.ts';
import type { CheckedRequest, HttpTarget } from './http-load.ts';

/** What an answer says, whatever the order of its keys, and whether a number is written as a text or not. */
export interface AnswerContent {
  readonly command: unknown;
  readonly rowCount: unknown;
  readonly fields: unknown;
  readonly rows: readonly (readonly (string | null)[])[];
}

/** Throws for a body that is no answer to a query with rows as arrays. */
export function readContent(body: string): AnswerContent {
  const { command, rowCount, fields, rows } = JSON.parse(body) as Omit<AnswerContent, 'rows'> & { rows: unknown[][] };
  const toText = (value: unknown): string | null => (value === null ? null : String(value));
  return { command, rowCount, fields, rows: rows.map((row) => row.map(toText)) };
}

/** Its answers become the expected ones. Throws for any that is none, or has not exactly one row. */
export async function learnAnswers(origin: string, requests: readonly HttpRequest[]): Promise<HttpTarget> {
  const client = createClient(origin);
  const learned: CheckedRequest[] = [];
  try {
    for (const request of requests) {
      const { status, body } = await ask(client, request);
      if (status !== 200 || readContent(body.toString()).rows.length !== 1) {
        throw new Error(`${origin} answered ${status} ${body.toString()} to ${request.body}`);
      }
      learned.push({ ...request, expected: body });
    }
    return { origin, requests: learned };
  } finally {
    await client.destroy();
  }
}

/** Throws when two of them answer the same request differently. */
export function requireSameContent([first, ...others]: readonly HttpTarget[]): void {
  for (const other of others) {
    other.requests.forEach(({ expected, body }, at) => {
      const reference = first?.requests[at]?.expected;
      if (isDeepStrictEqual(readContent(String(expected)), readContent(String(reference)))) return;
      throw new Error(`two answers to ${body}: ${String(reference)} and ${String(expected)}`);
    });
  }
}
