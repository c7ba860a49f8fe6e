// Asks a compute to cancel what one of its sessions is doing:
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS

import type { Socket } from 'node:net';
import { classifyDialError } from '@pgwake/connect-core';
import { GatewayError } from '@pgwake/gateway-errors';
import { type BackendKey, encodeCancelRequest } from '@pgwake/pg-wire';
import { type ComputeIdentity, type NodeAddress, describeAddress } from '@pgwake/wake-api';
import { dialTimeout } from './classify.js';
import type { ComputeNetwork } from './compute-network.js';
import { openSocket } from './open-socket.js';
import { startTls } from './start-tls.js';

export interface CancelTarget {
  readonly address: NodeAddress;
  /** With a certificate as its proof the request goes over TLS, and nowhere else: its key would let others cancel. */
  readonly identity: ComputeIdentity;
  readonly backendKey: BackendKey;
  readonly signal: AbortSignal;
}

/**
 * Resolves once the compute has closed the connection: it has passed the request on by then, so whoever waits for this
 * sends no query into a cancel of the one before. Nobody is told whether there was anything to cancel. Rejects with a
 * GatewayError when the request cannot have arrived, COMPUTE_DIAL_TIMEOUT when `signal` is aborted first.
 */
export async function sendCancel(target: CancelTarget, network: ComputeNetwork): Promise<void> {
  const { address, identity, backendKey, signal } = target;
  if (signal.aborted) throw dialTimeout(signal);
  const { socket: plain } = openSocket(address, network);
  try {
    const secure = identity.kind === 'tlsSan';
    const socket = secure ? await startTls(plain, identity.value, network.authority, signal) : plain;
    await deliver(socket, encodeCancelRequest(backendKey.pid, backendKey.secret), signal);
  } catch (error) {
    throw classifyDialError(error, describeAddress(address));
  }
}

/** Writes the request and waits for the end of the connection. */
function deliver(socket: Socket, request: Uint8Array, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let written = false;
    const settle = (settled: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      settled();
    };
    const onAbort = () => settle(() => reject(dialTimeout(signal)));
    const onGone = (error: Error) => settle(() => (written ? resolve() : reject(error)));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', onGone);
    socket.on('end', () => onGone(new GatewayError('COMPUTE_RESET')));
    socket.resume();
    socket.write(request, (error) => (written = !error));
  });
}
