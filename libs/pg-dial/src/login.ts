// The conversation of a login, from the StartupMessage to the ReadyForQuery after the proof of identity, in two parts: one that
// anybody could begin, and one that takes keys. It reads like the message flow in
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP: whatever comes out of turn ends it.

import { type ScramKeys, createScramClient } from '@pgwake/client-auth';
import { GatewayError } from '@pgwake/gateway-errors';
import {
  type Authentication,
  type BackendKey,
  type Decoded,
  type ErrorFields,
  type StartupParameters,
  type WireMessage,
  backendTag,
  concatBytes,
  encodeMessage,
  encodeQuery,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartupMessage,
  isParameterStatus,
  parseAuthentication,
  parseBackendKeyData,
  parseDataRow,
  parseErrorFields,
  parseReadyForQuery,
} from '@pgwake/pg-wire';
import type { ComputeIdentity } from '@pgwake/wake-api';
import { classifyServerError, protocolError } from './classify.js';
import type { MessageStream } from './message-stream.js';

/** A plain Postgres reports about 15. */
const maxParameterStatuses = 100;
const maxProofRepeats = 3;
const queryCanceled = '57014';
const proofQuery = encodeQuery('SHOW cluster_name');
const mechanism = 'SCRAM-SHA-256';
const decoder = new TextDecoder();

/** Who logs in, and as what. Nothing of it is a secret. */
export interface ComputeStartup {
  readonly user: string;
  readonly database: string;
  /** Further startup parameters, as the client sent them. Those that a gateway answers for itself are left out here. */
  readonly parameters: StartupParameters;
}

export interface LoggedIn {
  readonly greeting: Uint8Array;
  readonly backendKey: BackendKey;
}

/** Says who wants to log in, and waits to be asked for a proof by SCRAM. Resolves to what the compute said before that. */
export async function askToLogIn(stream: MessageStream, startup: ComputeStartup): Promise<Greeting> {
  const greeting = createGreeting();
  stream.write(encodeStartupMessage(startupParameters(startup)));
  const { mechanisms } = await readAuthentication(stream, greeting, 'sasl');
  if (!mechanisms.includes(mechanism)) throw protocolError(`the compute offers ${mechanisms.join(', ')} only`);
  return greeting;
}

/**
 * Logs in and proves whom it reached, unless a certificate has done so before. The proof of identity is asked for in the same write as the
 * last SCRAM message goes out in, so it costs no round trip; a login that fails ends before the compute looks at it.
 */
export async function logIn(
  stream: MessageStream,
  greeting: Greeting,
  keys: ScramKeys,
  identity: ComputeIdentity,
): Promise<LoggedIn> {
  await authenticate(stream, greeting, keys, identity.kind === 'clusterName' ? [proofQuery] : []);
  const backendKey = await readUntilReady(stream, greeting);
  if (identity.kind === 'clusterName') await checkClusterName(stream, greeting, identity.value);
  return { greeting: greeting.toBytes(), backendKey };
}

function startupParameters({ user, database, parameters }: ComputeStartup) {
  // `_pq_.` names are protocol extensions: what a client negotiates with the gateway is nothing the compute agreed to.
  const further = parameters.filter(([name]) => name !== 'user' && name !== 'database' && !name.startsWith('_pq_.'));
  return [['user', user] as const, ['database', database] as const, ...further];
}

/** SCRAM-SHA-256 (RFC 5802, RFC 7677) up to AuthenticationOk, which counts only after the server's own proof. */
async function authenticate(
  stream: MessageStream,
  greeting: Greeting,
  keys: ScramKeys,
  afterwards: readonly Uint8Array[],
): Promise<void> {
  const scram = createScramClient(keys);
  stream.write(encodeSaslInitialResponse({ mechanism, data: scram.first() }));

  const challenge = await readAuthentication(stream, greeting, 'saslContinue');
  const final = await scram.final(challenge.data);
  if (final.kind === 'violation') throw protocolError(final.what);
  stream.write(concatBytes(encodeSaslResponse(final.bytes), ...afterwards));

  const outcome = await readAuthentication(stream, greeting, 'saslFinal');
  if (!scram.verify(outcome.data)) {
    throw new GatewayError('COMPUTE_IDENTITY_MISMATCH', { detail: 'the compute does not know the keys of this role' });
  }
  await readAuthentication(stream, greeting, 'ok');
}

async function readAuthentication<K extends Authentication['kind']>(
  stream: MessageStream,
  greeting: Greeting,
  kind: K,
): Promise<Extract<Authentication, { kind: K }>> {
  const message = await readPastGreeting(stream, greeting);
  if (message.tag !== backendTag.authentication) throw outOfTurn(message);
  const request = expectValue(parseAuthentication(message.body));
  if (request.kind !== kind) {
    const got = request.kind === 'other' ? `method ${request.method}` : request.kind;
    throw protocolError(`authentication: expected ${kind}, got ${got}; computes must ask for scram-sha-256`);
  }
  return request as Extract<Authentication, { kind: K }>;
}

async function readUntilReady(stream: MessageStream, greeting: Greeting): Promise<BackendKey> {
  let backendKey: BackendKey | undefined;
  for (;;) {
    const message = await readPastGreeting(stream, greeting);
    if (message.tag === backendTag.backendKeyData && backendKey === undefined) {
      backendKey = expectValue(parseBackendKeyData(message.body));
    } else if (message.tag === backendTag.readyForQuery && backendKey !== undefined) {
      expectIdle(message);
      return backendKey;
    } else {
      throw outOfTurn(message);
    }
  }
}

async function checkClusterName(stream: MessageStream, greeting: Greeting, expected: string): Promise<void> {
  for (let repeats = 0; ; repeats += 1) {
    const answer = await readShowAnswer(stream, greeting);
    if (answer.kind === 'value') {
      if (answer.value === expected) return;
      throw new GatewayError('COMPUTE_IDENTITY_MISMATCH', {
        detail: `expected cluster_name ${expected}, got ${answer.value.slice(0, 100)}`,
      });
    }
    // A tiny statement_timeout among the client's own startup options hits the proof too.
    if (repeats === maxProofRepeats) throw classifyServerError(answer.error);
    stream.write(proofQuery);
  }
}

type ShowAnswer =
  { readonly kind: 'value'; readonly value: string } | { readonly kind: 'cancelled'; readonly error: ErrorFields };

/** Everything up to the ReadyForQuery behind it. Notices about our own query are none of the client's business. */
async function readShowAnswer(stream: MessageStream, greeting: Greeting): Promise<ShowAnswer> {
  let answer: ShowAnswer | undefined;
  for (;;) {
    const message = stream.next() ?? (await stream.read());
    switch (message.tag) {
      case backendTag.rowDescription:
      case backendTag.commandComplete:
      case backendTag.noticeResponse:
        break;
      case backendTag.parameterStatus:
        greeting.add(message);
        break;
      case backendTag.dataRow: {
        const [value, ...others] = expectValue(parseDataRow(message.body));
        if (answer !== undefined || !value || others.length > 0) throw outOfTurn(message);
        answer = { kind: 'value', value: decoder.decode(value) };
        break;
      }
      case backendTag.errorResponse: {
        const error = expectValue(parseErrorFields(message.body));
        if (error.code !== queryCanceled) throw classifyServerError(error);
        answer = { kind: 'cancelled', error };
        break;
      }
      case backendTag.readyForQuery:
        if (answer === undefined) throw outOfTurn(message);
        expectIdle(message);
        return answer;
      default:
        throw outOfTurn(message);
    }
  }
}

export interface Greeting {
  add(message: WireMessage): void;
  toBytes(): Uint8Array;
}

/** What the client is to read of this login: kept as sent, checked for its form. */
function createGreeting(): Greeting {
  const messages: Uint8Array[] = [];
  let statuses = 0;
  return {
    add({ tag, body }) {
      if (tag === backendTag.parameterStatus) {
        if (!isParameterStatus(body)) throw protocolError('malformed parameter status');
        statuses += 1;
        if (statuses > maxParameterStatuses) throw protocolError('parameter statuses without end');
      } else {
        expectValue(parseErrorFields(body));
      }
      messages.push(encodeMessage(tag, body));
    },
    toBytes: () => concatBytes(...messages),
  };
}

/** The next message that is neither for the greeting nor an error, which ends the login. */
async function readPastGreeting(stream: MessageStream, greeting: Greeting): Promise<WireMessage> {
  for (;;) {
    const message = stream.next() ?? (await stream.read());
    switch (message.tag) {
      case backendTag.errorResponse:
        throw classifyServerError(expectValue(parseErrorFields(message.body)));
      case backendTag.parameterStatus:
      case backendTag.noticeResponse:
        greeting.add(message);
        break;
      default:
        return message;
    }
  }
}

function expectIdle(message: WireMessage): void {
  if (expectValue(parseReadyForQuery(message.body)) !== 'idle') throw outOfTurn(message);
}

function expectValue<T>(parsed: Decoded<T>): T {
  if (parsed.kind === 'violation') throw protocolError(parsed.what);
  return parsed.value;
}

function outOfTurn(message: WireMessage): GatewayError {
  return protocolError(`message ${JSON.stringify(String.fromCharCode(message.tag))} out of turn`);
}
