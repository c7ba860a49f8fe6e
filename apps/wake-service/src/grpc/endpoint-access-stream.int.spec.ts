// Over a real gRPC server on loopback, asked by hand: what proxies of ours never do is tried too.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  Client,
  type ClientDuplexStream,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
  credentials,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { waitFor } from '@pgwake/testkit';
import { wakeProtoUrl } from '@pgwake/wake-api';
import type { CallStatus } from './call-status.js';
import { type EndpointAccessCall, EndpointAccessStreams } from './endpoint-access-stream.js';

interface Question {
  readonly id: number;
  readonly request?: { readonly endpoint: string; readonly role: string };
}

interface Answer {
  readonly id: number;
  readonly access?: { readonly verifier: string };
  readonly failure?: { readonly code: number; readonly message: string };
}

const definitions = loadSync(fileURLToPath(wakeProtoUrl), {
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
});
const { StreamEndpointAccess } = definitions['pgwake.wake.v1.WakeService'] as ServiceDefinition;
const { path, requestSerialize, responseDeserialize } = StreamEndpointAccess as MethodDefinition<Question, Answer>;

/** By role. */
let held: Map<string, () => void>;
let holds: (role: string) => boolean;
let streams: EndpointAccessStreams;
let server: Server;
let client: Client;

async function serve(lifetimeMs: number): Promise<void> {
  streams = new EndpointAccessStreams({
    async answer({ role }) {
      if (holds(role)) await new Promise<void>((resolve) => held.set(role, resolve));
      if (role === 'broken') throw new Error('on purpose');
      return { verifier: `v of ${role}`, endpointDisabled: false, allowedNetworks: [] };
    },
    toStatus: (error): CallStatus => ({ code: status.UNAVAILABLE, message: String(error) }),
    lifetimeMs,
  });
  server = new Server({ 'grpc.so_reuseport': 0 });
  server.addService(
    { StreamEndpointAccess } as ServiceDefinition,
    {
      StreamEndpointAccess: (call: EndpointAccessCall) => streams.serve(call),
    } as UntypedServiceImplementation,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) =>
      error === null ? resolve(at) : reject(error),
    );
  });
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
}

beforeEach(() => {
  held = new Map();
  holds = (role) => role.startsWith('held');
});
afterEach(() => {
  client.close();
  server.forceShutdown();
});

interface Proxy {
  readonly call: ClientDuplexStream<Question, Answer>;
  readonly answers: Answer[];
  readonly ended: Promise<status>;
  ask(id: number, role: string): void;
}

function open(): Proxy {
  const call = client.makeBidiStreamRequest<Question, Answer>(path, requestSerialize, responseDeserialize);
  const answers: Answer[] = [];
  call.on('data', (answer: Answer) => answers.push(answer));
  call.on('error', () => undefined);
  const ended = new Promise<status>((resolve) => call.on('status', ({ code }) => resolve(code)));
  return { call, answers, ended, ask: (id, role) => void call.write({ id, request: { endpoint: 'demo', role } }) };
}

async function openConfirmed(): Promise<Proxy> {
  const proxy = open();
  await once(proxy.call, 'metadata');
  return proxy;
}

const idsOf = ({ answers }: Proxy) => answers.map(({ id }) => id);

it('a question is answered when its answer is there, whatever was asked before', async () => {
  await serve(60_000);
  const proxy = await openConfirmed();
  proxy.ask(1, 'held');
  proxy.ask(2, 'app');
  proxy.ask(3, 'broken');
  proxy.call.write({ id: 4 });
  await waitFor(() => proxy.answers.length === 3, 5_000);
  held.get('held')?.();
  await waitFor(() => proxy.answers.length === 4, 5_000);
  expect(proxy.answers).toMatchObject([
    { id: 2, access: { verifier: 'v of app' } },
    { id: 3, failure: { code: status.UNAVAILABLE, message: 'Error: on purpose' } },
    { id: 4, failure: { code: status.INVALID_ARGUMENT } },
    { id: 1, access: { verifier: 'v of held' } },
  ]);
});

it('going down, it answers what it was asked, takes no more, and a server that shuts down need not wait longer', async () => {
  await serve(60_000);
  const proxy = await openConfirmed();
  const idle = await openConfirmed();
  proxy.ask(1, 'held');
  await waitFor(() => held.size === 1, 5_000);
  streams.end();
  expect(await idle.ended).toBe(status.OK);
  proxy.ask(2, 'too late');
  const late = open();
  expect(await late.ended).toBe(status.UNAVAILABLE);
  const shutDown = new Promise((resolve) => server.tryShutdown(resolve));
  held.get('held')?.();
  expect(await proxy.ended).toBe(status.OK);
  await shutDown;
  expect(idsOf(proxy)).toEqual([1]);
});

it('lets go of a proxy after some time, which may come again', async () => {
  await serve(200);
  const proxy = await openConfirmed();
  const openedMs = performance.now();
  proxy.ask(1, 'app');
  expect(await proxy.ended).toBe(status.OK);
  expect(performance.now() - openedMs).toBeGreaterThan(150);
  expect(idsOf(proxy)).toEqual([1]);
  await waitFor(() => streams.size === 0, 5_000);
  await openConfirmed();
  expect(streams.size).toBe(1);
});

it('ends its side when the proxy has asked everything', async () => {
  await serve(60_000);
  const proxy = await openConfirmed();
  proxy.ask(1, 'held');
  proxy.call.end();
  await waitFor(() => held.size === 1, 5_000);
  held.get('held')?.();
  expect(await proxy.ended).toBe(status.OK);
  expect(idsOf(proxy)).toEqual([1]);
});

it('reads no further while too much is under way, and answers everybody in the end', async () => {
  await serve(60_000);
  const asked = 5_000;
  const proxy = await openConfirmed();
  for (let id = 1; id <= asked; id++) proxy.ask(id, `held${id}`);
  await waitFor(() => held.size >= 2_048, 10_000);
  const heldAtOnce = held.size;
  expect(heldAtOnce).toBeLessThan(asked);
  holds = () => false;
  for (const answer of held.values()) answer();
  await waitFor(() => proxy.answers.length === asked, 10_000);
  expect(new Set(idsOf(proxy)).size).toBe(asked);
}, 30_000);

it('a proxy that vanishes takes nothing with it', async () => {
  await serve(60_000);
  const gone = await openConfirmed();
  gone.ask(1, 'held');
  await waitFor(() => held.size === 1, 5_000);
  gone.call.cancel();
  expect(await gone.ended).toBe(status.CANCELLED);
  await waitFor(() => streams.size === 0, 5_000);
  held.get('held')?.();
  const proxy = await openConfirmed();
  proxy.ask(1, 'app');
  await waitFor(() => proxy.answers.length === 1, 5_000);
});
