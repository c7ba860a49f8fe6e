// What the public serverless driver sends for a query, header by header: it is run against a server that keeps that, so the
// benchmark sends what applications send, whatever version is installed.

import { once } from 'node:events';
import { type IncomingMessage, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { neon, neonConfig } from '@neondatabase/serverless';
import { host } from '../tcp/peer.ts';
import type { HttpRequest } from './http-client.ts';

/** Made anew for each connection by whoever sends the request. */
const ofTheConnection = new Set(['host', 'connection', 'content-length']);
const emptyAnswer = JSON.stringify({ command: 'SELECT', rowCount: 0, rowAsArray: true, fields: [], rows: [] });

/** The requests for this query, one with each list of parameters. */
export async function captureDriverRequests(
  connectionString: string,
  query: string,
  parameters: readonly (readonly unknown[])[],
): Promise<HttpRequest[]> {
  const requests: HttpRequest[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      requests.push({ headers: readHeaders(request), body });
      response.writeHead(200, { 'content-type': 'application/json' }).end(emptyAnswer);
    });
  }).listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  neonConfig.fetchEndpoint = `http://${host}:${port}/sql`;
  const sql = neon(connectionString);
  try {
    for (const each of parameters) await sql.query(query, [...each]);
    return requests;
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/**
 * The same request for a server that is not asked in the driver's name: without the headers that only mean something to the
 * gateway, and saying that its body is JSON, which frameworks want to hear.
 */
export function toPlainRequest({ headers, body }: HttpRequest): HttpRequest {
  const plain = Object.entries(headers).filter(([name]) => !name.toLowerCase().startsWith('neon-'));
  return { headers: { ...Object.fromEntries(plain), 'content-type': 'application/json' }, body };
}

/** The same with a head of its own, so that a gateway meets as many heads as there are requests. */
export function toOneOfAKind({ headers, body }: HttpRequest, at: number): HttpRequest {
  return { headers: { ...headers, 'x-one-of-a-kind': String(at) }, body };
}

function readHeaders({ headers }: IncomingMessage): Record<string, string> {
  const own = Object.entries(headers).filter(([name]) => !ofTheConnection.has(name));
  return Object.fromEntries(own.map(([name, value]) => [name, String(value)]));
}
