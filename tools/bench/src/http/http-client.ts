// Asks a server over HTTP/1.1, one request at a time on each connection, and checks every answer.
//
// undici by its lowest interface: it is a whole HTTP client, it is much cheaper than fetch or node:http, and it is alive.
// wrk is cheaper still, but it has to be installed, and to check bodies it needs a script in Lua. The choice hardly changes the
// CPU of a loaded server; it makes each p50 a little longer, for all servers alike. The requests are sent by the benchmark's
// own process, which has nothing else to do meanwhile; no server's CPU is counted with it.

import { Client } from 'undici';

export interface HttpRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** Long enough for a wake on a slow machine, and short enough that a server that hangs is noticed. */
const answerLimitMs = 30_000;

/** One connection, made at the first request and again when the server has closed it. */
export function createClient(origin: string): Client {
  return new Client(origin, { pipelining: 1, headersTimeout: answerLimitMs, bodyTimeout: answerLimitMs });
}

/** POST /sql. Rejects when there is no answer. */
export function ask(client: Client, { headers, body }: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let status = NaN;
    client.dispatch(
      { method: 'POST', path: '/sql', headers, body },
      {
        onRequestStart: () => undefined, // says that this handler is of the current kind
        onResponseStart: (_controller, code) => {
          status = code;
        },
        onResponseData: (_controller, chunk) => {
          chunks.push(chunk);
        },
        onResponseEnd: () => resolve({ status, body: Buffer.concat(chunks) }),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
}

/** Throws unless the answer has status 200 and these very bytes. */
export function requireAnswer({ status, body }: HttpAnswer, expected: Buffer): void {
  if (status === 200 && body.equals(expected)) return;
  throw new Error(`answered ${status} ${body.toString()} instead of 200 ${expected.toString()}`);
}
