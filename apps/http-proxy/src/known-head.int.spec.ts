// What is taken for a known head has to mean to Node's parser what the first one meant: Node is the oracle.

import { type IncomingMessage, type Server, createServer } from 'node:http';
import { duplexPair } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KnownHead, measureRequest } from './known-head.js';

const unread = ['x-request-id', 'traceparent'];
const body = '{"query":"select 1"}';
const whole = Buffer.from(
  `POST /sql HTTP/1.1\r\nHost: api.localhost\r\nX-Request-Id: 4711\r\nContent-Length: ${body.length}\r\n` +
    `Neon-Connection-String: postgres://app:right@demo/app\r\ntraceparent: 00-ab-cd-01\r\nAccept: */*\r\n\r\n${body}`,
);
const runs = 3_000;

let server: Server;
let found: { readonly request: IncomingMessage; readonly body: Buffer }[] = [];

beforeAll(() => {
  server = createServer({ joinDuplicateHeaders: true }, (request) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => found.push({ request, body: Buffer.concat(chunks) }));
  });
  server.on('clientError', () => undefined);
});
afterAll(() => void server.close());

/** The requests that Node reads in these bytes, and reads whole. */
async function readByNode(chunk: Buffer): Promise<typeof found> {
  found = [];
  const [client, ours] = duplexPair();
  server.emit('connection', ours);
  client.write(chunk);
  for (let turns = 0; turns < 3; turns += 1) await nextTurn();
  client.destroy();
  ours.destroy();
  return found;
}

function meaningOf({ headers, method, url, httpVersion }: IncomingMessage): unknown {
  const rest = Object.entries(headers).filter(([name]) => ![...unread, 'content-length'].includes(name));
  return [method, url, httpVersion, rest];
}

describe('a chunk that is taken for a known head', () => {
  it('is one request to Node, with the same meaning and this body', async () => {
    const [first] = await readByNode(whole);
    if (first === undefined) throw new Error('Node reads no request');
    const extent = measureRequest(whole, first.request);
    const known = extent && KnownHead.of(whole, first.request, extent);
    if (known === undefined) throw new Error('it is not known');
    expect([first.body.toString(), known.findBody(whole)]).toEqual([body, extent?.headBytes]);

    const places = ['4711', '00-ab-cd-01', String(body.length), body].map((text) => whole.indexOf(text));
    const at = fc.oneof(
      fc.constantFrom(...places).chain((place) => fc.integer({ min: place - 2, max: place + 6 })),
      fc.integer({ min: 0, max: whole.length }),
    );
    const bytes = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'09 \t\r\n:aZ~'), maxLength: 4 }),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    const edit = fc.record({ at, removed: fc.constantFrom(0, 0, 1, 2), bytes });
    const tail = fc.constantFrom('', '', 'x', 'xxxxxxxxx');
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { maxLength: 2 }), tail, async (edits, more) => {
        let text = whole.toString('latin1') + more;
        for (const each of edits) text = text.slice(0, each.at) + each.bytes + text.slice(each.at + each.removed);
        // So that a changed length is not always a wrong one.
        const chunk = Buffer.from(text.replace(`: ${body.length}\r\n`, `: ${body.length + more.length}\r\n`), 'latin1');
        const bodyAt = known.findBody(chunk);
        if (bodyAt < 0) return;
        taken += 1;
        const [request, ...others] = await readByNode(chunk);
        expect(others).toEqual([]);
        expect(request && meaningOf(request.request)).toEqual(meaningOf(first.request));
        expect(request?.body.equals(chunk.subarray(bodyAt))).toBe(true);
      }),
      { numRuns: runs },
    );
    expect(taken).toBeGreaterThan(runs / 20);
  });
});
