// What is at which path, whatever host the target of the request names (RFC 9112, 3.2.2). A WebSocket handshake never comes here: Node tells of it as 'upgrade'.

import type { Exchange } from './exchange.js';
import type { SqlRoute } from './sql-route.js';

const nothing = new Uint8Array(0);
const notFound = Buffer.from('{"message":"there is nothing at this path; queries go to POST /sql"}');
const notAllowed = Buffer.from('{"message":"queries are sent with POST"}');
const isSql = /^(?:https?:\/\/[^/?#]*)?\/sql(?:\?|$)/i;
const json = ['content-type', 'application/json'];

/** What a browser asks before it sends a query from a page. */
const allow = ['allow', 'OPTIONS, POST'];
const preflight = [
  ...allow,
  ...['access-control-allow-methods', 'POST, OPTIONS'],
  'access-control-allow-headers',
  'Authorization, Content-Type, Neon-Connection-String, Neon-Raw-Text-Output, Neon-Array-Mode, Neon-Pool-Opt-In, ' +
    'Neon-Batch-Isolation-Level, Neon-Batch-Read-Only, Neon-Batch-Deferrable, Pgwake-Timeout-Ms',
  ...['access-control-max-age', 86_400],
];

export function isSqlPath(url: string): boolean {
  return url === '/sql' || isSql.test(url);
}

export function route(exchange: Exchange, method: string | undefined, url: string, sql: SqlRoute): void {
  if (!isSqlPath(url)) exchange.answer(404, json, notFound);
  else if (method === 'POST') void sql.serve(exchange);
  else if (method === 'OPTIONS') exchange.answer(200, preflight, nothing);
  else exchange.answer(405, [...json, ...allow], notAllowed);
}
