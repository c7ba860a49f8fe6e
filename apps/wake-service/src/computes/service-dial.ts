// Dials a compute with `pg`: the connect mechanism of wake-service's own connections. The library hides what went wrong on
// the wire behind errors of its own, so they are looked into here.

import { Socket } from 'node:net';
import {
  type DialAttempt,
  type DialOutcome,
  type Mechanism,
  classifyDialError,
  codeOfServerError,
} from '@pgwake/connect-core';
import { GatewayError } from '@pgwake/gateway-errors';
import { Client, type ClientConfig, DatabaseError } from 'pg';

/** One login with this configuration wherever it points; the address of the node is that of the configuration already. */
export function createServiceDial(config: ClientConfig): Mechanism<Client> {
  return {
    async dialOnce(_node, attempt): Promise<DialOutcome<Client>> {
      // Of our own, as `pg` cannot be called off while it connects.
      const socket = new Socket();
      const client = new Client({ ...config, stream: () => socket });
      // A connection that breaks ends; without a listener for `error` it would end the process.
      client.on('error', () => undefined);
      try {
        await connect(client, socket, attempt);
        return { ok: true, connection: client };
      } catch (error) {
        socket.destroy();
        return { ok: false, failure: { error: classify(error, attempt.signal), proven: false } };
      }
    },

    discard(client) {
      client.end().catch(() => undefined);
    },
  };
}

async function connect(client: Client, socket: Socket, { signal, onServerByte }: DialAttempt): Promise<void> {
  signal.throwIfAborted();
  const giveUp = () => socket.destroy(new Error('called off'));
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    await client.connect();
    onServerByte();
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

function classify(error: unknown, signal: AbortSignal): GatewayError {
  if (signal.aborted) return new GatewayError('COMPUTE_DIAL_TIMEOUT', { cause: signal.reason });
  if (error instanceof DatabaseError && error.code !== undefined) {
    return new GatewayError(codeOfServerError(error.code, error.message), { detail: error.message, cause: error });
  }
  const found = classifyDialError(error);
  // `pg` says no more than this when the other side closes before the login is done.
  const isCut = found.code === 'INTERNAL' && error instanceof Error && /^Connection terminated/.test(error.message);
  return isCut ? new GatewayError('COMPUTE_RESET', { detail: error.message, cause: error }) : found;
}
