// A socket as a stream of messages, for as long as a login lasts. All of a compute's bytes are untrusted: the size of a
// message and the sum of all of them are bounded.

import type { Socket } from 'node:net';
import type { DialAttempt } from '@pgwake/connect-core';
import { GatewayError } from '@pgwake/gateway-errors';
import { type WireMessage, backendTag, createMessageReader } from '@pgwake/pg-wire';
import { dialTimeout, protocolError } from './classify.js';

/** What libpq allows an error to have before a session is ready (MAX_ERRLEN in fe-connect.c). */
const maxMessageBodyBytes = 30_000;
/** A login of a plain Postgres has about 1 KB; `client_min_messages=debug5` makes some KB of it. */
const maxLoginBytes = 256 * 1024;

export interface MessageStream {
  /**
   * The next message. Messages that came before an error or the end of the socket are given first: a server says why it closes.
   * Rejects with what Node reported, or with a GatewayError: COMPUTE_RESET at the end, COMPUTE_DIAL_TIMEOUT when the attempt
   * is aborted, COMPUTE_PROTOCOL beyond the limits.
   */
  read(): Promise<WireMessage>;
  /** The next message if it is here already: most of a login's come many at a time. Throws COMPUTE_PROTOCOL beyond the limits. */
  next(): WireMessage | undefined;
  write(bytes: Uint8Array): void;
  /** Nothing has come that was not read, and the peer has not ended: it stands where the last message left it. */
  readonly isQuiet: boolean;
  /** Lets go of the socket, which is paused from now on, and gives what came after the last message read. */
  release(): Uint8Array;
}

export function createMessageStream(socket: Socket, attempt: DialAttempt): MessageStream {
  const reader = createMessageReader({ maxBodyBytes: maxMessageBodyBytes });
  let failure: Error | undefined;
  let receivedBytes = 0;
  let firstByteSeen = false;
  let wakeUp: (() => void) | undefined;

  const onData = (chunk: Buffer) => {
    // Not for an error: "starting up" would call everybody who waits for this address into the same answer.
    if (!firstByteSeen && chunk[0] !== backendTag.errorResponse) attempt.onServerByte();
    firstByteSeen = true;
    receivedBytes += chunk.length;
    // Also while nobody reads: a login that was begun ahead waits for its client.
    if (receivedBytes > maxLoginBytes) {
      socket.pause();
      return fail(protocolError('a login without end'));
    }
    reader.push(chunk);
    wakeUp?.();
  };
  const fail = (error: Error) => {
    failure ??= error;
    wakeUp?.();
  };
  const onEnd = () => fail(new GatewayError('COMPUTE_RESET', { detail: 'the compute closed the connection' }));
  const onAbort = () => fail(dialTimeout(attempt.signal));
  socket.on('data', onData);
  socket.on('error', fail);
  socket.on('end', onEnd);
  attempt.signal.addEventListener('abort', onAbort, { once: true });

  const next = (): WireMessage | undefined => {
    const message = reader.next();
    if (message?.kind === 'violation') throw protocolError(message.what);
    return message;
  };

  return {
    next,

    async read() {
      for (;;) {
        const message = next();
        if (message !== undefined) return message;
        if (failure !== undefined) throw failure;
        await new Promise<void>((resolve) => (wakeUp = resolve));
      }
    },

    write(bytes) {
      socket.write(bytes);
    },

    get isQuiet() {
      return failure === undefined && reader.rest().length === 0;
    },

    release() {
      socket.pause();
      socket.off('data', onData);
      socket.off('error', fail);
      socket.off('end', onEnd);
      attempt.signal.removeEventListener('abort', onAbort);
      return reader.rest();
    },
  };
}
