// One call to wake-service with one answer: made once, parsed, and every way to fail turned into an error of the catalogue.

import { type Client, type Metadata, type MethodDefinition, type ServiceError, connectivityState } from '@grpc/grpc-js';
import { type ErrorCode, GatewayError } from '@pgwake/gateway-errors';
import { classifyCallError } from './classify-call-error.js';
import type { ParsedAnswer } from './parse-answer.js';

/** What running out of time and an answer without sense mean for a question. */
export interface FailureCodes {
  readonly timeout: ErrorCode;
  readonly nonsense: ErrorCode;
}

export interface UnaryCall<T> {
  readonly method: MethodDefinition<object, unknown>;
  readonly request: object;
  readonly metadata: Metadata;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly parse: (response: unknown) => ParsedAnswer<T>;
  readonly codes: FailureCodes;
}

/** Rejects with a GatewayError, or with the signal's reason when that is aborted: then the call ends at the server too. */
export async function askOnce<T>(client: Client, call: UnaryCall<T>): Promise<T> {
  call.signal.throwIfAborted();
  if (client.getChannel().getConnectivityState(false) === connectivityState.SHUTDOWN) {
    throw new GatewayError('WAKE_SERVICE_UNAVAILABLE', { detail: 'wake-service: this client was closed' });
  }
  return requireSense(call.parse(await invoke(client, call)), call.codes);
}

/** Throws a GatewayError for an answer that makes none. */
export function requireSense<T>(answer: ParsedAnswer<T>, codes: FailureCodes): T {
  if (answer.ok) return answer.value;
  throw new GatewayError(codes.nonsense, { detail: `wake-service: malformed answer: ${answer.what}` });
}

function invoke<T>(
  client: Client,
  { method, request, metadata, timeoutMs, signal, codes }: UnaryCall<T>,
): Promise<unknown> {
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
