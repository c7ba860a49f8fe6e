// A login in its two parts. The first one anybody could do: socket, TLS where that is the compute's proof of identity,
// StartupMessage, up to the compute's question for a proof. No key is used there. The second one answers that question.

import type { Socket } from 'node:net';
import type { ScramKeys } from '@pgwake/client-auth';
import type { DialAttempt } from '@pgwake/connect-core';
import type { LendingReads } from '@pgwake/bare-sockets';
import type { ComputeIdentity, NodeAddress } from '@pgwake/wake-api';
import { dialTimeout } from './classify.js';
import type { ComputeNetwork } from './compute-network.js';
import { type ComputeStartup, type Greeting, type LoggedIn, askToLogIn, logIn } from './login.js';
import { type MessageStream, createMessageStream } from './message-stream.js';
import { openSocket } from './open-socket.js';
import { startTls } from './start-tls.js';

/** Where to, and how the compute there is to prove itself. */
export interface LoginTarget {
  readonly address: NodeAddress;
  readonly identity: ComputeIdentity;
}

/** A login that waits for its keys. Whoever has it ends it by destroying its socket, which a Postgres does not even log. */
export interface BegunLogin {
  readonly socket: Socket;
  /** What is under it: the socket that TLS was started on, or the same. */
  readonly carrier: Socket;
  /** None over TLS: its bytes are made, not read. */
  readonly reads: LendingReads | undefined;
  readonly stream: MessageStream;
  /** What the compute has said so far. */
  readonly greeting: Greeting;
}

/**
 * Rejects with what Node reported, or with a GatewayError: what the compute said instead, COMPUTE_RESET, COMPUTE_PROTOCOL,
 * COMPUTE_IDENTITY_MISMATCH, COMPUTE_DIAL_TIMEOUT when the attempt is aborted. Then nothing is left open.
 */
export async function beginLogin(
  { address, identity }: LoginTarget,
  startup: ComputeStartup,
  network: ComputeNetwork,
  attempt: DialAttempt,
): Promise<BegunLogin> {
  if (attempt.signal.aborted) throw dialTimeout(attempt.signal);
  const { socket: carrier, reads } = openSocket(address, network);
  let socket = carrier;
  try {
    const overTls = identity.kind === 'tlsSan';
    if (overTls) socket = await startTls(carrier, identity.value, network.authority, attempt.signal);
    const stream = createMessageStream(socket, attempt);
    const greeting = await askToLogIn(stream, startup);
    return { socket, carrier, reads: overTls ? undefined : reads, stream, greeting };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** The rest of it. Rejects as {@link logIn}; then nothing is left open. */
export async function finishLogin(
  { socket, stream, greeting }: BegunLogin,
  keys: ScramKeys,
  identity: ComputeIdentity,
): Promise<LoggedIn> {
  try {
    return await logIn(stream, greeting, keys, identity);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
