// The proxies' line to wake-service: two calls of the contract over one gRPC channel. It asks, checks the answer and turns
// every way to fail into an error of the catalogue. It never repeats a call and never merges two: both are connect-core's.

import { fileURLToPath } from 'node:url';
import { Client, Metadata, type MethodDefinition, type ServiceError, connectivityState } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { WakePort } from '@pgwake/connect-core';
import { type ErrorCode, GatewayError } from '@pgwake/gateway-errors';
import {
  type EndpointAccess,
  type EndpointAccessRequest,
  type TokenAccess,
  type WakeOutcome,
  type WakeRequest,
  wakePackage,
  wakeProtoUrl,
  wakeServiceName,
} from '@pgwake/wake-api';
import { type WakeClientTls, channelOptions, createChannelCredentials } from './channel.js';
import { classifyCallError } from './classify-call-error.js';
import { type ParsedAnswer, parseAccessResponse, parseTokenAccessResponse, parseWakeResponse } from './parse-answer.js';

export type { WakeClientTls } from './channel.js';

export interface WakeClientSettings {
  /** `host:port`, or any other target that gRPC knows. */
  readonly address: string;
  /** The longest a wake may take, whatever the caller's signal says. Default 60 s. */
  readonly callTimeoutMs?: number;
  /** The longest a question for a verifier may take, waiting for the connection included. Default 10 s. */
  readonly accessTimeoutMs?: number;
  /** Plaintext without it. */
  readonly tls?: WakeClientTls;
}

export interface WakeClient extends WakePort {
  /**
   * Wakes the compute of an endpoint, or joins a start under way; answers once it may be dialled. Fails at once with
   * WAKE_SERVICE_UNAVAILABLE while there is no connection. WAKE_TIMEOUT: no answer in time. WAKE_FAILED: an answer without
   * sense. Rejects with the signal's reason when that is aborted, and the call ends at the server too.
   */
  wake(request: WakeRequest, signal: AbortSignal): Promise<WakeOutcome>;
  /**
   * The verifier for a login. Nobody repeats this question, so it waits for a wake-service that is restarting.
   * WAKE_SERVICE_UNAVAILABLE: no answer in time. INTERNAL: an answer without sense.
   */
  getEndpointAccess(request: EndpointAccessRequest, signal: AbortSignal): Promise<EndpointAccess>;
  /** What a token is to be checked against, and the keys for the login; otherwise as `getEndpointAccess`. */
  getTokenAccess(request: EndpointAccessRequest, signal: AbortSignal): Promise<TokenAccess>;
  /** New calls fail with WAKE_SERVICE_UNAVAILABLE from now on; those under way end as they may. */
  close(): void;
}

interface Call<T> {
  readonly method: MethodDefinition<object, unknown>;
  readonly request: object;
  readonly metadata: Metadata;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly parse: (response: unknown) => ParsedAnswer<T>;
  readonly codes: { readonly timeout: ErrorCode; readonly nonsense: ErrorCode };
}

const failFast = new Metadata();
const waitForConnection = new Metadata({ waitForReady: true });

/** Connects in the background at once, so that the first cold start does not pay for it. Throws for settings without sense. */
export function createWakeClient(settings: WakeClientSettings): WakeClient {
  const { address, callTimeoutMs = 60_000, accessTimeoutMs = 10_000, tls } = settings;
  const { wakeCompute, getEndpointAccess, getTokenAccess } = loadMethods();
  const client = new Client(address, createChannelCredentials(tls), channelOptions);
  client.getChannel().getConnectivityState(true);

  const askAccess = <T>(
    method: Call<T>['method'],
    { endpoint, role, sessionId }: EndpointAccessRequest,
    parse: Call<T>['parse'],
    signal: AbortSignal,
  ): Promise<T> =>
    ask(client, {
      method,
      request: { endpoint, role, sessionId },
      metadata: waitForConnection,
      timeoutMs: accessTimeoutMs,
      signal,
      parse,
      codes: { timeout: 'WAKE_SERVICE_UNAVAILABLE', nonsense: 'INTERNAL' },
    });

  return {
    wake: ({ endpoint, suspectGeneration, sessionId }, signal) =>
      ask(client, {
        method: wakeCompute,
        request: { endpoint, suspectGeneration: suspectGeneration ?? 0, sessionId },
        metadata: failFast,
        timeoutMs: callTimeoutMs,
        signal,
        parse: (response) => parseWakeResponse(response, endpoint),
        codes: { timeout: 'WAKE_TIMEOUT', nonsense: 'WAKE_FAILED' },
      }),
    getEndpointAccess: (request, signal) => askAccess(getEndpointAccess, request, parseAccessResponse, signal),
    getTokenAccess: (request, signal) => askAccess(getTokenAccess, request, parseTokenAccessResponse, signal),
    close: () => client.close(),
  };
}

async function ask<T>(client: Client, call: Call<T>): Promise<T> {
  call.signal.throwIfAborted();
  if (client.getChannel().getConnectivityState(false) === connectivityState.SHUTDOWN) {
    throw new GatewayError('WAKE_SERVICE_UNAVAILABLE', { detail: 'wake-service: this client was closed' });
  }
  const response = await invoke(client, call);
  const answer = call.parse(response);
  if (answer.ok) return answer.value;
  throw new GatewayError(call.codes.nonsense, { detail: `wake-service: malformed answer: ${answer.what}` });
}

function invoke<T>(client: Client, { method, request, metadata, timeoutMs, signal, codes }: Call<T>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, response?: unknown) => {
      signal.removeEventListener('abort', cancel);
      if (error === null) resolve(response);
      else reject(signal.aborted ? signal.reason : classifyCallError(error, codes));
    };
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline: Date.now() + timeoutMs },
      done,
    );
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
  });
}

function loadMethods() {
  const definitions = loadSync(fileURLToPath(wakeProtoUrl), { longs: String, enums: String });
  const service = definitions[`${wakePackage}.${wakeServiceName}`] as Record<string, MethodDefinition<object, unknown>>;
  const { WakeCompute, GetEndpointAccess, GetTokenAccess } = service;
  if (WakeCompute === undefined || GetEndpointAccess === undefined || GetTokenAccess === undefined) {
    throw new Error(`${wakeProtoUrl} does not define the calls of ${wakeServiceName}`);
  }
  return { wakeCompute: WakeCompute, getEndpointAccess: GetEndpointAccess, getTokenAccess: GetTokenAccess };
}
