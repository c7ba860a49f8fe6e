// Against a real gRPC server on loopback, built from the same contract.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type handleUnaryCall,
  type sendUnaryData,
  type ServerUnaryCall,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { GatewayError } from '@pgwake/gateway-errors';
import {
  type EndpointId,
  type RoleName,
  type SessionId,
  parseEndpointId,
  parseGeneration,
  parseRoleName,
  parseSessionId,
} from '@pgwake/ids';
import { makeCertificate } from '@pgwake/local-certificate';
import { wakeProtoUrl } from '@pgwake/wake-api';
import { type WakeClient, type WakeClientSettings, createWakeClient } from './index.js';

const endpoint = parseEndpointId('demo') as EndpointId;
const role = parseRoleName('app') as RoleName;
const sessionId = parseSessionId('session-0001') as SessionId;
const request = { endpoint, suspectGeneration: undefined, sessionId };

const node = {
  endpoint: 'demo',
  generation: 3,
  address: { socketDirectory: '/run/demo', port: 5432 },
  identity: { clusterName: 'pgwake/demo/3' },
  issuedAt: 1_790_000_000_000,
  startKind: 'START_KIND_JOINED',
};

type Handler = (call: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<unknown>) => void;

interface WakeServer {
  readonly port: number;
  readonly requests: unknown[];
  stop(): void;
}

const service = loadSync(fileURLToPath(wakeProtoUrl), { longs: String, enums: String, defaults: true })[
  'pgwake.wake.v1.WakeService'
] as ServiceDefinition;

async function startWakeServer(
  handler: Handler,
  port = 0,
  definition = service,
  credentials = ServerCredentials.createInsecure(),
): Promise<WakeServer> {
  const server = new Server({ 'grpc.so_reuseport': 0 });
  const requests: unknown[] = [];
  const handle: handleUnaryCall<unknown, unknown> = (call, answer) => {
    requests.push(call.request);
    handler(call, answer);
  };
  server.addService(definition, { WakeCompute: handle, GetEndpointAccess: handle });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, at) => (error === null ? resolve(at) : reject(error)));
  });
  return { port: bound, requests, stop: () => server.forceShutdown() };
}

const never = new AbortController().signal;
let servers: WakeServer[];
let clients: WakeClient[];

beforeEach(() => {
  servers = [];
  clients = [];
});

afterEach(() => {
  for (const client of clients) client.close();
  for (const server of servers) server.stop();
});

async function serve(handler: Handler, port?: number, definition?: ServiceDefinition): Promise<WakeServer> {
  const server = await startWakeServer(handler, port, definition);
  servers.push(server);
  return server;
}

function connect(port: number, timeouts: { callTimeoutMs?: number; accessTimeoutMs?: number } = {}): WakeClient {
  const client = createWakeClient({ address: `127.0.0.1:${port}`, ...timeouts });
  clients.push(client);
  return client;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof GatewayError ? error.code : String(error);
}

describe('wake', () => {
  it('asks with all that the caller knows and gives the node', async () => {
    const server = await serve((_, answer) => answer(null, { node }));
    const suspectGeneration = parseGeneration(2);
    const outcome = await connect(server.port).wake({ endpoint, suspectGeneration, sessionId }, never);
    expect(outcome).toEqual({
      ok: true,
      node: {
        endpoint: 'demo',
        generation: 3,
        address: { kind: 'unix', socketDirectory: '/run/demo', port: 5432 },
        identity: { kind: 'clusterName', value: 'pgwake/demo/3' },
        issuedAtMs: 1_790_000_000_000,
        signature: undefined,
        startKind: 'joined',
      },
    });
    expect(server.requests).toEqual([{ endpoint: 'demo', suspectGeneration: '2', sessionId: 'session-0001' }]);
  });

  it.each([
    [
      { reason: 'ENDPOINT_DISABLED', detail: 'x' },
      { reason: 'ENDPOINT_DISABLED', retryAfterMs: undefined, detail: 'x' },
    ],
    [
      { reason: 'BUSY', retryAfterMs: 250 },
      { reason: 'BUSY', retryAfterMs: 250, detail: '' },
    ],
    [
      { reason: 'BUSY', retryAfterMs: 0 },
      { reason: 'BUSY', retryAfterMs: 0, detail: '' },
    ],
    [{ reason: 99 }, { reason: 'UNKNOWN', retryAfterMs: undefined, detail: '' }],
    [{}, { reason: 'UNKNOWN', retryAfterMs: undefined, detail: '' }],
  ])('hands over the failure %j', async (sent, failure) => {
    const server = await serve((_, answer) => answer(null, { failure: sent }));
    expect(await connect(server.port).wake(request, never)).toEqual({ ok: false, failure });
  });

  it.each([
    ['an answer about another endpoint', { node: { ...node, endpoint: 'other' } }],
    ['a node without address', { node: { ...node, address: null } }],
    ['an empty answer', {}],
  ])('fails with WAKE_FAILED for %s', async (_, response) => {
    const server = await serve((__, answer) => answer(null, response));
    expect(await codeOf(connect(server.port).wake(request, never))).toBe('WAKE_FAILED');
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ['bytes that are no message', Buffer.from('ffffffffff', 'hex')],
    ['an answer of a megabyte', Buffer.alloc(1_000_000)],
  ])('fails with WAKE_FAILED for %s', async (_, bytes) => {
    const wakeCompute = service['WakeCompute'];
    if (wakeCompute === undefined) throw new Error('no WakeCompute in the contract');
    const garbling = { ...service, WakeCompute: { ...wakeCompute, responseSerialize: () => bytes } };
    const server = await serve((__, answer) => answer(null, {}), 0, garbling);
    expect(await codeOf(connect(server.port).wake(request, never))).toBe('WAKE_FAILED');
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    [status.UNAVAILABLE, 'WAKE_SERVICE_UNAVAILABLE'],
    [status.CANCELLED, 'WAKE_SERVICE_UNAVAILABLE'],
    [status.DEADLINE_EXCEEDED, 'WAKE_TIMEOUT'],
    [status.INTERNAL, 'WAKE_FAILED'],
    [status.UNIMPLEMENTED, 'WAKE_FAILED'],
    [status.PERMISSION_DENIED, 'WAKE_FAILED'],
    [status.RESOURCE_EXHAUSTED, 'WAKE_FAILED'],
  ])('calls gRPC status %i %s', async (code, expected) => {
    const server = await serve((_, answer) => answer({ code, details: 'on purpose' }));
    expect(await codeOf(connect(server.port).wake(request, never))).toBe(expected);
    expect(server.requests).toHaveLength(1);
  });

  it('rejects with the reason of the signal, and the call ends at the server too', async () => {
    const leave = new AbortController();
    const calls: ServerUnaryCall<unknown, unknown>[] = [];
    const server = await serve((call) => {
      calls.push(call);
      leave.abort(new Error('the client left'));
    });
    await expect(connect(server.port).wake(request, leave.signal)).rejects.toThrow('the client left');
    const [call] = calls;
    if (call === undefined) throw new Error('the call never reached the server');
    if (!call.cancelled) await once(call, 'cancelled');
  });

  it('asks nothing when the signal was aborted before', async () => {
    const server = await serve((_, answer) => answer(null, { node }));
    await expect(connect(server.port).wake(request, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(server.requests).toHaveLength(0);
  });

  it('gives up with WAKE_TIMEOUT at its own limit', async () => {
    const server = await serve(() => undefined);
    expect(await codeOf(connect(server.port, { callTimeoutMs: 100 }).wake(request, never))).toBe('WAKE_TIMEOUT');
    expect(server.requests).toHaveLength(1);
  });

  it('says WAKE_SERVICE_UNAVAILABLE when the server dies during the call', async () => {
    const server = await serve(() => server.stop());
    expect(await codeOf(connect(server.port).wake(request, never))).toBe('WAKE_SERVICE_UNAVAILABLE');
    expect(server.requests).toHaveLength(1);
  });

  it('says WAKE_SERVICE_UNAVAILABLE after close', async () => {
    const server = await serve((_, answer) => answer(null, { node }));
    const client = connect(server.port);
    client.close();
    expect(await codeOf(client.wake(request, never))).toBe('WAKE_SERVICE_UNAVAILABLE');
  });
});

describe('an outage of wake-service', () => {
  it('fails wakes at once, and is over within 1.5 s of its end', async () => {
    const first = await serve((_, answer) => answer(null, { node }));
    const client = connect(first.port);
    await client.wake(request, never);
    first.stop();

    // Long enough that doubling back-offs would have outgrown the promise.
    const outageEnd = Date.now() + 3_000;
    const codes = new Set<string>();
    while (Date.now() < outageEnd) {
      const askedAt = Date.now();
      codes.add(await codeOf(client.wake(request, never)));
      expect(Date.now() - askedAt).toBeLessThan(1_000);
      await sleep(50);
    }
    expect([...codes]).toEqual(['WAKE_SERVICE_UNAVAILABLE']);

    await serve((_, answer) => answer(null, { node }), first.port);
    const backAt = Date.now();
    while ((await codeOf(client.wake(request, never))) === 'WAKE_SERVICE_UNAVAILABLE') await sleep(20);
    expect(Date.now() - backAt).toBeLessThan(1_500);
  });

  it('is waited out by a question for a verifier', async () => {
    const first = await serve((_, answer) => answer(null, { verifier: 'v' }));
    const client = connect(first.port);
    first.stop();
    const access = client.getEndpointAccess({ endpoint, role, sessionId }, never);
    expect(await codeOf(client.wake(request, never))).toBe('WAKE_SERVICE_UNAVAILABLE');
    await serve((_, answer) => answer(null, { verifier: 'v' }), first.port);
    expect(await access).toEqual({ verifier: 'v', disabled: false, allowedNetworks: [] });
  });
});

describe('getEndpointAccess', () => {
  it('asks for one role and gives its verifier', async () => {
    const server = await serve((_, answer) => answer(null, { verifier: 'SCRAM-SHA-256$...', endpointDisabled: true }));
    const access = await connect(server.port).getEndpointAccess({ endpoint, role, sessionId }, never);
    expect(access).toEqual({ verifier: 'SCRAM-SHA-256$...', disabled: true, allowedNetworks: [] });
    expect(server.requests).toEqual([{ endpoint: 'demo', role: 'app', sessionId: 'session-0001' }]);
  });

  it('says WAKE_SERVICE_UNAVAILABLE when no answer came in time, INTERNAL for one without sense', async () => {
    const silent = await serve(() => undefined);
    const impatient = connect(silent.port, { accessTimeoutMs: 100 });
    expect(await codeOf(impatient.getEndpointAccess({ endpoint, role, sessionId }, never))).toBe(
      'WAKE_SERVICE_UNAVAILABLE',
    );
    const empty = await serve((_, answer) => answer(null, {}));
    expect(await codeOf(connect(empty.port).getEndpointAccess({ endpoint, role, sessionId }, never))).toBe('INTERNAL');
  });
});

describe('TLS', () => {
  let tls: { ca: string; certificate: string; key: string };

  beforeAll(async () => {
    const { ca, cert, key } = await makeCertificate();
    tls = { ca, certificate: cert, key };
  });

  it('proves both sides to each other, and plaintext gets nowhere', async () => {
    const pem = { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.certificate) };
    const credentials = ServerCredentials.createSsl(Buffer.from(tls.ca), [pem], true);
    const server = await startWakeServer((_, answer) => answer(null, { node }), 0, service, credentials);
    servers.push(server);
    const address = `localhost:${server.port}`;
    const wakeWith = (settings: Partial<WakeClientSettings>) => {
      const client = createWakeClient({ address, callTimeoutMs: 5_000, ...settings });
      clients.push(client);
      return client.wake(request, never);
    };
    expect(await wakeWith({ tls })).toMatchObject({ ok: true });
    expect(await codeOf(wakeWith({ tls: { ca: tls.ca } }))).toBe('WAKE_SERVICE_UNAVAILABLE');
    expect(await codeOf(wakeWith({}))).toBe('WAKE_SERVICE_UNAVAILABLE');
    expect(server.requests).toHaveLength(1);
  });

  it('does not start with half a key pair', () => {
    const halves = { ca: tls.ca, certificate: tls.certificate };
    expect(() => createWakeClient({ address: '127.0.0.1:1', tls: halves })).toThrow(TypeError);
  });
});
