// The least that answers a query over HTTP: Node's own server and pg, with nothing else in the way. No authentication, no
// limits, no reset of a connection behind a request.

import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { host } from '../../tcp/peer.ts';
import { type QueryBody, answerQuery, createPool } from './answer-query.ts';
import { tellParent } from './parent.ts';

const pool = createPool();

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => void serve(request, response, Buffer.concat(chunks)));
});

async function serve({ method, url }: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
  if (method !== 'POST' || url !== '/sql') return end(response, 404, '{}');
  try {
    const answer = await answerQuery(pool, JSON.parse(body.toString()) as QueryBody);
    end(response, 200, JSON.stringify(answer));
  } catch (error) {
    end(response, 500, JSON.stringify({ message: String(error) }));
  }
}

function end(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

server.listen(0, host, () => tellParent(server.address()));
