// Questions for verifiers against a real gRPC server on loopback: over the standing stream, and without it.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GatewayError } from '@pgwake/gateway-errors';
import type { EndpointId, RoleName, SessionId } from '@pgwake/ids';
import { wakeProtoUrl } from '@pgwake/wake-api';
import { type WakeClient, createWakeClient } from './index.js';
import type { Answer, Question } from './question-stream.js';

type StreamCall = ServerDuplexStream<Question, Answer>;

interface AccessServer {
  readonly port: number;
  /** Roles that were asked for over streams, and by calls of their own. */
  readonly streamed: string[];
  readonly called: string[];
  readonly streams: StreamCall[];
  /** What a process that is killed does. */
  kill(): void;
  /** Resolves when every call and stream has ended. */
  shutDown(): Promise<void>;
}

interface Behaviour {
  /** `undefined`: a version that does not know the call. */
  readonly onQuestion?: (question: Question, stream: StreamCall) => void;
  readonly confirms?: boolean;
  readonly onCall?: (role: string, answer: sendUnaryData<unknown>) => void;
  readonly port?: number;
}

const service = loadSync(fileURLToPath(wakeProtoUrl), { longs: String, enums: String, defaults: true, oneofs: true })[
  'pgwake.wake.v1.WakeService'
] as ServiceDefinition;

let servers: AccessServer[];
let clients: WakeClient[];

beforeEach(() => {
  servers = [];
  clients = [];
});
afterEach(() => {
  for (const client of clients) client.close();
  for (const server of servers) server.kill();
});

const answerOverStream = ({ id, request }: Question, stream: StreamCall) =>
  void stream.write({ id, access: { verifier: `streamed ${request.role}` } });
const answerCall = (role: string, answer: sendUnaryData<unknown>) => answer(null, { verifier: `called ${role}` });

async function serve({ onQuestion, confirms = true, onCall = answerCall, port = 0 }: Behaviour): Promise<AccessServer> {
  const grpc = new Server({ 'grpc.so_reuseport': 0 });
  const streamed: string[] = [];
  const called: string[] = [];
  const streams: StreamCall[] = [];
  grpc.addService(service, {
    GetEndpointAccess: ({ request }: { request: { role: string } }, answer: sendUnaryData<unknown>) => {
      called.push(request.role);
      onCall(request.role, answer);
    },
    ...(onQuestion && {
      StreamEndpointAccess: (stream: StreamCall) => {
        streams.push(stream);
        stream.on('data', (question: Question) => {
          streamed.push(question.request.role);
          onQuestion(question, stream);
        });
        stream.on('end', () => stream.end());
        if (confirms) stream.sendMetadata(new Metadata());
      },
    }),
  } as UntypedServiceImplementation);
  const bound = await new Promise<number>((resolve, reject) => {
    grpc.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) =>
      error === null ? resolve(at) : reject(error),
    );
  });
  const server: AccessServer = {
    port: bound,
    streamed,
    called,
    streams,
    kill: () => grpc.forceShutdown(),
    shutDown: () => new Promise((resolve, reject) => grpc.tryShutdown((error) => (error ? reject(error) : resolve()))),
  };
  servers.push(server);
  return server;
}

function connect({ port }: AccessServer, accessTimeoutMs = 10_000): WakeClient {
  const client = createWakeClient({ address: `127.0.0.1:${port}`, accessTimeoutMs });
  clients.push(client);
  return client;
}

const never = new AbortController().signal;

async function ask(client: WakeClient, role: string, signal = never): Promise<string> {
  const sessionId = 'session-0001' as SessionId;
  const { verifier } = await client.getEndpointAccess(
    { endpoint: 'demo' as EndpointId, role: role as RoleName, sessionId },
    signal,
  );
  return verifier;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    (value) => `answered: ${String(value)}`,
    (reason: unknown) => reason,
  );
  return error instanceof GatewayError ? error.code : String(error);
}

async function until(condition: () => boolean | Promise<boolean>, limitMs = 5_000): Promise<void> {
  const limit = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > limit) throw new Error(`not within ${limitMs} ms: ${condition.toString()}`);
    await sleep(5);
  }
}

/** Until then questions have calls of their own, which have to be answered. */
const untilStreaming = (client: WakeClient) => until(async () => (await ask(client, 'early')).startsWith('streamed'));

describe('the standing stream', () => {
  it('carries the questions of all logins', async () => {
    const server = await serve({ onQuestion: answerOverStream });
    const client = connect(server);
    await untilStreaming(client);
    const calledBefore = server.called.length;
    expect(await ask(client, 'app')).toBe('streamed app');
    expect(await ask(client, 'other')).toBe('streamed other');
    expect(server.called).toHaveLength(calledBefore);
    expect(server.streams).toHaveLength(1);
  });

  it('gives a crowd its answers in whatever order they come', async () => {
    const held: (() => void)[] = [];
    const crowd = Array.from({ length: 500 }, (_, n) => `role${n}`);
    const server = await serve({
      onQuestion(question, stream) {
        if (question.request.role === 'early') return answerOverStream(question, stream);
        held.push(() => answerOverStream(question, stream));
        if (held.length === crowd.length) for (const answer of held.reverse()) answer();
      },
    });
    const client = connect(server);
    await untilStreaming(client);
    const answers = await Promise.all(crowd.map((role) => ask(client, role)));
    expect(answers).toEqual(crowd.map((role) => `streamed ${role}`));
  });

  it('passes on what a call would have failed with', async () => {
    const server = await serve({
      onQuestion({ id, request }, stream) {
        const failures: Record<string, Answer> = {
          starting: { failure: { code: status.UNAVAILABLE, message: 'the catalog does not answer' } },
          broken: { failure: { code: status.INTERNAL, message: 'internal error' } },
          empty: { access: {} },
          nothing: {},
        };
        const failure = failures[request.role];
        if (failure === undefined) answerOverStream({ id, request }, stream);
        else stream.write({ id, ...failure });
      },
    });
    const client = connect(server);
    await untilStreaming(client);
    expect(await codeOf(ask(client, 'starting'))).toBe('WAKE_SERVICE_UNAVAILABLE');
    expect(await codeOf(ask(client, 'broken'))).toBe('INTERNAL');
    expect(await codeOf(ask(client, 'empty'))).toBe('INTERNAL');
    expect(await codeOf(ask(client, 'nothing'))).toBe('INTERNAL');
    expect(server.streamed).toEqual(expect.arrayContaining(['starting', 'broken', 'empty', 'nothing']));
  });

  it('forgets who left, and goes on', async () => {
    const held: (() => void)[] = [];
    const server = await serve({
      onQuestion(question, stream) {
        if (question.request.role === 'left') held.push(() => answerOverStream(question, stream));
        else answerOverStream(question, stream);
      },
    });
    const client = connect(server);
    await untilStreaming(client);
    const leave = new AbortController();
    const left = ask(client, 'left', leave.signal);
    await until(() => held.length === 1);
    leave.abort(new Error('the client left'));
    await expect(left).rejects.toThrow('the client left');
    held[0]?.();
    expect(await ask(client, 'app')).toBe('streamed app');
    await expect(ask(client, 'late', AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(server.streamed).not.toContain('late');
  });

  it('does not outlive its client, who has the answers that were out', async () => {
    const held: (() => void)[] = [];
    const server = await serve({
      onQuestion(question, stream) {
        if (question.request.role === 'held') held.push(() => answerOverStream(question, stream));
        else answerOverStream(question, stream);
      },
    });
    const client = connect(server);
    await untilStreaming(client);
    // The server of this test ends its side as soon as the client has, so the answer has to be under way by then.
    const waiting = ask(client, 'held');
    await until(() => held.length === 1);
    held[0]?.();
    client.close();
    expect(await waiting).toBe('streamed held');
    expect(await codeOf(ask(client, 'app'))).toBe('WAKE_SERVICE_UNAVAILABLE');
    await server.shutDown();
  });
});

describe('without a stream', () => {
  it('a wake-service that does not know the call is asked by calls', async () => {
    const server = await serve({});
    const client = connect(server);
    for (const role of ['a', 'b', 'c']) expect(await ask(client, role)).toBe(`called ${role}`);
    expect(server.called).toEqual(['a', 'b', 'c']);
  });

  it('one that accepts the stream and never confirms it is asked by calls', async () => {
    const server = await serve({ onQuestion: answerOverStream, confirms: false });
    const client = connect(server);
    expect(await ask(client, 'a')).toBe('called a');
    await until(() => server.streams.length === 1);
    expect(await ask(client, 'b')).toBe('called b');
    expect(server.streamed).toEqual([]);
  });

  it('a newer wake-service in the place of an old one is asked over a stream again', async () => {
    const old = await serve({});
    const client = connect(old);
    expect(await ask(client, 'app')).toBe('called app');
    old.kill();
    await serve({ onQuestion: answerOverStream, port: old.port });
    // A call that reached the old one in its last moment ends with it.
    await until(async () => (await ask(client, 'app').catch(() => '')).startsWith('streamed'));
  });
});

describe('a stream that ends with questions out', () => {
  const roles = ['a', 'b', 'c'];
  type OnQuestion = NonNullable<Behaviour['onQuestion']>;
  /** Questions that only wait for the stream are answered. */
  const afterEarly =
    (onOther: OnQuestion): OnQuestion =>
    (question, stream) =>
      question.request.role === 'early' ? answerOverStream(question, stream) : onOther(question, stream);

  it.each([
    [
      'broken by the server',
      (stream: StreamCall) => stream.emit('error', { code: status.INTERNAL, details: 'broken' }),
    ],
    ['ended by a wake-service that goes down', (stream: StreamCall) => stream.end()],
  ])('has them asked again by calls: %s', async (_, end) => {
    const server = await serve({
      onQuestion: afterEarly((_question, stream) => void (server.streamed.filter(isAsked).length === 3 && end(stream))),
    });
    const client = connect(server);
    await untilStreaming(client);
    const answers = await Promise.all(roles.map((role) => ask(client, role)));
    expect(answers).toEqual(roles.map((role) => `called ${role}`));
    expect(server.streamed.filter(isAsked)).toEqual(roles);
    await untilStreaming(client);
    expect(server.streams).toHaveLength(2);
  });

  it('has them answered by the wake-service that comes up in the place of one that was killed', async () => {
    const killed = await serve({
      onQuestion: afterEarly(() => void (killed.streamed.filter(isAsked).length === 3 && killed.kill())),
    });
    const client = connect(killed);
    await untilStreaming(client);
    const answers = Promise.all(roles.map((role) => ask(client, role)));
    await until(() => killed.streamed.filter(isAsked).length === 3);
    const next = await serve({ onQuestion: answerOverStream, port: killed.port });
    expect(await answers).toEqual(roles.map((role) => `called ${role}`));
    await untilStreaming(client);
    expect(next.streams).toHaveLength(1);
  });

  it('has none of them wait longer than one question may', async () => {
    const killed = await serve({ onQuestion: afterEarly(() => killed.kill()) });
    const client = connect(killed, 1_000);
    await untilStreaming(client);
    const askedMs = performance.now();
    expect(await codeOf(ask(client, 'app'))).toBe('WAKE_SERVICE_UNAVAILABLE');
    expect(performance.now() - askedMs).toBeLessThan(1_500);
    expect(killed.streamed).toContain('app');
  });

  function isAsked(role: string): boolean {
    return roles.includes(role);
  }
});

describe('a stream without answers', () => {
  it('costs those their time who are on it, and nobody else', async () => {
    let silent = false;
    const server = await serve({
      onQuestion: (question, stream) => void (silent || answerOverStream(question, stream)),
    });
    const client = connect(server, 500);
    await untilStreaming(client);
    silent = true;
    const [stream] = server.streams;
    if (stream === undefined) throw new Error('there is no stream');
    const cancelled = once(stream, 'cancelled');
    const askedMs = performance.now();
    expect(await codeOf(ask(client, 'app'))).toBe('WAKE_SERVICE_UNAVAILABLE');
    expect(performance.now() - askedMs).toBeGreaterThan(490);
    await cancelled;
    expect(await ask(client, 'next')).toBe('called next');
  });
});
