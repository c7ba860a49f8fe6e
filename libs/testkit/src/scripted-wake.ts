// A wake-service that answers what a test tells it to: a real gRPC server of the contract, on a port of its own that it can
// leave and come back to. It knows every endpoint and role by one verifier, wakes by script, and counts what it was asked.

import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { deriveVerifier } from '@pgwake/client-auth';
import {
  type NodeAddress,
  type StartKind,
  type WakeFailureReason,
  wakePackage,
  wakeProtoUrl,
  wakeServiceName,
} from '@pgwake/wake-api';

export type WakeReply = (
  | {
      readonly kind: 'node';
      readonly address: NodeAddress;
      /** Default 1. */
      readonly generation?: number;
      /** Default `pgwake/<endpoint>/<generation>`. */
      readonly clusterName?: string;
      /** The compute proves itself by a certificate with this name instead. */
      readonly tlsSan?: string;
      /** Default `started`. */
      readonly startKind?: StartKind;
    }
  /** A number is a reason that the contract does not know. */
  | { readonly kind: 'failure'; readonly reason: WakeFailureReason | number; readonly retryAfterMs?: number }
  /** An error of gRPC itself. */
  | { readonly kind: 'status'; readonly code: keyof typeof status }
  /** Bytes that are no message. */
  | { readonly kind: 'garbage' }
  | { readonly kind: 'silence' }
  /** The call was heard, and its connection breaks before the answer. */
  | { readonly kind: 'answerLost' }
) & {
  /** Called when the call arrives; the reply is given once this resolves. */
  readonly after?: () => Promise<unknown>;
};

export interface WakeCall {
  readonly endpoint: string;
  readonly suspectGeneration: number | undefined;
  readonly sessionId: string;
  /** Of `performance.now()`. */
  readonly atMs: number;
  /** `cancelled`: the caller gave up, or its connection broke. */
  readonly state: 'open' | 'answered' | 'cancelled';
}

export interface ScriptedWakeOptions {
  /** Of every role of every endpoint. */
  readonly password: string;
}

export interface ScriptedWake {
  /** `host:port` */
  readonly address: string;
  /** Of that password; what computes are to be given. */
  readonly verifier: string;
  /** Every wake call so far. */
  readonly wakes: readonly WakeCall[];
  /** How often a verifier was asked for. */
  readonly accessCalls: number;
  wakesOf(endpoint: string): readonly WakeCall[];
  /** One reply per wake call from here on; the last one is for all that follow. Until then an endpoint does not exist. */
  script(endpoint: string, replies: readonly WakeReply[]): void;
  /** As a process that is killed: cuts its connections and refuses new ones. */
  goDown(): Promise<void>;
  /** Listens again at its address. */
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

const host = '127.0.0.1';
const noMessage = Buffer.from('ffffffffff', 'hex');

export async function startScriptedWake({ password }: ScriptedWakeOptions): Promise<ScriptedWake> {
  const verifier = await deriveVerifier(password);
  const wakes: { -readonly [K in keyof WakeCall]: WakeCall[K] }[] = [];
  const scripts = new Map<string, WakeReply[]>();
  const sockets = new Set<Socket>();
  let accessCalls = 0;

  const grpc = new Server();
  grpc.addService(loadService(), {
    WakeCompute: (call: WakeUnaryCall, answer: sendUnaryData<unknown>) => void wake(call, answer),
    GetEndpointAccess: (_call: unknown, answer: sendUnaryData<unknown>) => {
      accessCalls += 1;
      answer(null, { verifier });
    },
  } as UntypedServiceImplementation);
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());

  async function wake(call: WakeUnaryCall, answer: sendUnaryData<unknown>): Promise<void> {
    const { endpoint, suspectGeneration, sessionId } = call.request;
    const record: (typeof wakes)[number] = {
      endpoint,
      suspectGeneration: suspectGeneration === 0 ? undefined : suspectGeneration,
      sessionId,
      atMs: performance.now(),
      state: 'open',
    };
    wakes.push(record);
    call.on('cancelled', () => {
      // grpc-js says so after an answer too.
      if (record.state === 'open') record.state = 'cancelled';
    });
    const reply = nextReply(endpoint);
    await reply.after?.();
    if (call.cancelled || reply.kind === 'silence') return;
    if (reply.kind === 'answerLost') return cutConnectionOf(call);
    record.state = 'answered';
    if (reply.kind === 'status') answer({ code: status[reply.code], details: 'scripted' });
    else answer(null, encodeReply(endpoint, reply));
  }

  function nextReply(endpoint: string): WakeReply {
    const script = scripts.get(endpoint) ?? [];
    const reply = script.length > 1 ? script.shift() : script[0];
    return reply ?? { kind: 'failure', reason: 'ENDPOINT_NOT_FOUND' };
  }

  function cutConnectionOf(call: WakeUnaryCall): void {
    for (const socket of sockets) {
      if (call.getPeer() === `${socket.remoteAddress}:${socket.remotePort}`) socket.destroy();
    }
  }

  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  async function listen(port: number): Promise<number> {
    listener.listen(port, host);
    await once(listener, 'listening');
    return (listener.address() as AddressInfo).port;
  }
  async function goDown(): Promise<void> {
    const closed = once(listener, 'close');
    listener.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  const port = await listen(0);
  return {
    address: `${host}:${port}`,
    verifier,
    wakes,
    get accessCalls() {
      return accessCalls;
    },
    wakesOf: (endpoint) => wakes.filter((call) => call.endpoint === endpoint),
    script: (endpoint, replies) => void scripts.set(endpoint, [...replies]),
    goDown,
    comeBack: async () => void (await listen(port)),
    async stop() {
      if (listener.listening) await goDown();
      injector.destroy();
      grpc.forceShutdown();
    },
  };
}

type WakeUnaryCall = ServerUnaryCall<
  { readonly endpoint: string; readonly suspectGeneration: number; readonly sessionId: string },
  unknown
>;

/** The service of the contract, but that answers may be bytes as well. */
function loadService(): ServiceDefinition {
  const definitions = loadSync(fileURLToPath(wakeProtoUrl), { longs: Number, enums: String, defaults: true });
  const service = definitions[`${wakePackage}.${wakeServiceName}`] as ServiceDefinition;
  const { WakeCompute } = service;
  if (WakeCompute === undefined) throw new Error('no WakeCompute in the contract');
  const { responseSerialize } = WakeCompute;
  const serialize = (answer: unknown) => (Buffer.isBuffer(answer) ? answer : responseSerialize(answer));
  return { ...service, WakeCompute: { ...WakeCompute, responseSerialize: serialize } };
}

function encodeReply(endpoint: string, reply: Extract<WakeReply, { kind: 'node' | 'failure' | 'garbage' }>): object {
  if (reply.kind === 'garbage') return noMessage;
  if (reply.kind === 'failure') return { failure: { reason: reply.reason, retryAfterMs: reply.retryAfterMs } };
  const { address, generation = 1, startKind = 'started' } = reply;
  const { tlsSan, clusterName = `pgwake/${endpoint}/${generation}` } = reply;
  return {
    node: {
      endpoint,
      generation,
      address: address.kind === 'tcp' ? { host: address.host, port: address.port } : address,
      identity: tlsSan === undefined ? { clusterName } : { tlsSan },
      issuedAt: Date.now(),
      startKind: `START_KIND_${startKind.toUpperCase()}`,
    },
  };
}
