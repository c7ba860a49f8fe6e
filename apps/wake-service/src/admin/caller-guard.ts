// Keeps browsers out of the admin API. A page on the web can make a browser call a port of this machine, with a name of
// its own that resolves to it (DNS rebinding) or from its own origin; neither gets past here.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { problem } from './problem.js';

const ownNames = ['localhost', '127.0.0.1', '[::1]'];

export type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

export function guardCallers(hostNames: readonly string[]): Middleware {
  const known = new Set([...ownNames, ...hostNames.map((name) => name.toLowerCase())]);
  return (request, response, next) => {
    const why = refusal(request, known);
    if (why === undefined) return next();
    response
      .writeHead(403, { 'content-type': 'application/json; charset=utf-8' })
      .end(JSON.stringify(problem(403, '42501', why).body));
  };
}

function refusal({ headers }: IncomingMessage, known: ReadonlySet<string>): string | undefined {
  if (headers.origin !== undefined) return 'requests from web pages are not allowed';
  const name = headers.host?.replace(/:[0-9]+$/, '').toLowerCase();
  if (name === undefined || !known.has(name)) return 'this host name is not allowed';
  return undefined;
}
