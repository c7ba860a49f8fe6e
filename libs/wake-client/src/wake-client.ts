// The proxies' line to wake-service: the calls of the contract over one gRPC channel. It asks, checks the answer and turns
// every way to fail into an error of the catalogue. It merges no questions and repeats none, but for one: what a login asks
// over the standing stream is asked by a call of its own if that stream ends before the answer.

import { Client, Metadata } from '@grpc/grpc-js';
import type { WakePort } from '@pgwake/connect-core';
import type { EndpointAccess, EndpointAccessRequest, TokenAccess, WakeOutcome, WakeRequest } from '@pgwake/wake-api';
import { type WakeClientTls, channelOptions, createChannelCredentials } from './channel.js';
import { classifyCallError } from './classify-call-error.js';
import { loadMethods } from './methods.js';
import { parseAccessResponse, parseTokenAccessResponse, parseWakeResponse } from './parse-answer.js';
import { StandingStream } from './standing-stream.js';
import { type FailureCodes, type UnaryCall, askOnce, requireSense } from './unary-call.js';

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
   * WAKE_SERVICE_UNAVAILABLE: no answer in time. INTERNAL: an answer without sense. Rejects with the signal's reason when
   * that is aborted.
   */
  getEndpointAccess(request: EndpointAccessRequest, signal: AbortSignal): Promise<EndpointAccess>;
  /** What a token is to be checked against, and the keys for the login; otherwise as `getEndpointAccess`. */
  getTokenAccess(request: EndpointAccessRequest, signal: AbortSignal): Promise<TokenAccess>;
  /** New calls fail with WAKE_SERVICE_UNAVAILABLE from now on; those under way end as they may. */
  close(): void;
}

const failFast = new Metadata();
const waitForConnection = new Metadata({ waitForReady: true });

const wakeCodes: FailureCodes = { timeout: 'WAKE_TIMEOUT', nonsense: 'WAKE_FAILED' };
const accessCodes: FailureCodes = { timeout: 'WAKE_SERVICE_UNAVAILABLE', nonsense: 'INTERNAL' };

/** Connects in the background at once, so that the first cold start does not pay for it. Throws for settings without sense. */
export function createWakeClient(settings: WakeClientSettings): WakeClient {
  const { address, callTimeoutMs = 60_000, accessTimeoutMs = 10_000, tls } = settings;
  const { wakeCompute, getEndpointAccess, streamEndpointAccess, getTokenAccess } = loadMethods();
  const client = new Client(address, createChannelCredentials(tls), channelOptions);
  const { path, requestSerialize, responseDeserialize } = streamEndpointAccess;
  const stream = new StandingStream(
    () => client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, waitForConnection),
    Math.random,
  );

  const askAccess = <T>(
    method: UnaryCall<T>['method'],
    { endpoint, role, sessionId }: EndpointAccessRequest,
    timeoutMs: number,
    parse: UnaryCall<T>['parse'],
    signal: AbortSignal,
  ): Promise<T> =>
    askOnce(client, {
      method,
      request: { endpoint, role, sessionId },
      metadata: waitForConnection,
      timeoutMs,
      signal,
      parse,
      codes: accessCodes,
    });

  return {
    wake: ({ endpoint, suspectGeneration, sessionId }, signal) =>
      askOnce(client, {
        method: wakeCompute,
        request: { endpoint, suspectGeneration: suspectGeneration ?? 0, sessionId },
        metadata: failFast,
        timeoutMs: callTimeoutMs,
        signal,
        parse: (response) => parseWakeResponse(response, endpoint),
        codes: wakeCodes,
      }),

    async getEndpointAccess(request, signal) {
      signal.throwIfAborted();
      const askedMs = performance.now();
      const reply = await stream.ask(request, accessTimeoutMs, signal);
      if (reply?.kind === 'answer') return requireSense(parseAccessResponse(reply.response), accessCodes);
      if (reply?.kind === 'failure') throw classifyCallError(reply, accessCodes);
      const leftMs = accessTimeoutMs - (performance.now() - askedMs);
      return askAccess(getEndpointAccess, request, leftMs, parseAccessResponse, signal);
    },

    getTokenAccess: (request, signal) =>
      askAccess(getTokenAccess, request, accessTimeoutMs, parseTokenAccessResponse, signal),

    close() {
      stream.close();
      client.close();
    },
  };
}
