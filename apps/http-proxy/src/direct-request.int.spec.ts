import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { waitFor } from '@pgwake/testkit';
import { DirectRequest } from './direct-request.js';

let server: Server<typeof DirectRequest>;
let client: Socket;
let answers: Promise<string>;

beforeEach(async () => {
  server = createServer({ IncomingMessage: DirectRequest }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  answers = text(client);
});

afterEach(async () => {
  client.destroy();
  await answers.catch(() => undefined);
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n';

/** Sends so much of a request, and gives it as the server has it. */
async function send(bytes: string): Promise<[DirectRequest, ServerResponse]> {
  client.write(bytes);
  return (await once(server, 'request')) as [DirectRequest, ServerResponse];
}

/** Everything of the body, once it is complete. */
function readWhole(request: DirectRequest): { readonly body: Promise<string>; readonly isDirect: boolean } {
  let isDirect = false;
  const body = new Promise<string>((resolve) => {
    let sofar = '';
    isDirect = request.readDirectly({
      onChunk: (chunk) => void (sofar += Buffer.from(chunk).toString()),
      onEnd: () => resolve(sofar),
    });
  });
  return { body, isDirect };
}

/** What Node's parser still holds of a connection. */
function heldBy({ socket }: IncomingMessage): unknown {
  return (socket as Socket & { readonly parser?: { readonly incoming: unknown } | null }).parser?.incoming;
}

describe('a request whose body is read directly', () => {
  it.each([
    ['after its answer', 'late'],
    ['when it was answered before it was complete', 'early'],
  ] as const)('is let go of %s, and another one follows', async (_, when) => {
    for (const letters of ['abcd', 'efgh']) {
      const [request, response] = await send(head);
      const { body, isDirect } = readWhole(request);
      expect([isDirect, heldBy(request)]).toEqual([true, request]);
      if (when === 'early') {
        response.end('done');
        await once(response, 'close');
        expect(heldBy(request)).toBe(request);
      }
      client.write(letters);
      // What comes behind an answer is dropped.
      expect(await body).toBe(when === 'early' ? '' : letters);
      if (when === 'late') response.end('done');
      await waitFor(() => heldBy(request) === null, 2_000);
      expect(request.readableEnded).toBe(true);
    }
    client.end();
    expect((await answers).match(/200 OK/g)).toHaveLength(2);
  });

  it('cannot be when a part of it has come already', async () => {
    const [request, response] = await send(`${head}ab`);
    await waitFor(() => request.readableLength > 0, 2_000);
    expect(readWhole(request).isDirect).toBe(false);
    client.write('cd');
    expect(await text(request)).toBe('abcd');
    response.end();
  });
});

describe('the headers of a request', () => {
  it('are those of the one before with its own length, or its own', async () => {
    const request = (word: string, body: string) =>
      `POST / HTTP/1.1\r\nHost: a\r\nX-Word: ${word}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const seen: unknown[] = [];
    for (const [word, body] of [
      ['one', 'ab'],
      ['one', 'ab'],
      ['one', 'abcd'],
      ['two', 'abcd'],
      ['one', 'ab'],
    ] as const) {
      const [{ headers }, response] = await send(request(word, body));
      seen.push(headers);
      response.end();
      await once(response, 'close');
    }
    expect(seen).toEqual([
      { host: 'a', 'x-word': 'one', 'content-length': '2' },
      { host: 'a', 'x-word': 'one', 'content-length': '2' },
      { host: 'a', 'x-word': 'one', 'content-length': '4' },
      { host: 'a', 'x-word': 'two', 'content-length': '4' },
      { host: 'a', 'x-word': 'one', 'content-length': '2' },
    ]);
  });
});
