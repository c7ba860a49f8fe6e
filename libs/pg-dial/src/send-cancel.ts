// Asks a compute to cancel what one of its sessions is doing:
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS

import { GatewayError } from '@pgwake/gateway-errors';
import { type BackendKey, encodeCancelRequest } from '@pgwake/pg-wire';
import { type NodeAddress, describeAddress } from '@pgwake/wake-api';
import { classifyDialError, dialTimeout } from './classify.js';
import type { ComputeNetwork } from './compute-network.js';
import { openSocket } from './open-socket.js';

export interface CancelTarget {
  readonly address: NodeAddress;
  readonly backendKey: BackendKey;
  readonly signal: AbortSignal;
}

/**
 * Resolves once the compute has closed the connection: it has passed the request on by then, so whoever waits for this
 * sends no query into a cancel of the one before. Nobody is told whether there was anything to cancel. Rejects with a
 * GatewayError when the request cannot have arrived, COMPUTE_DIAL_TIMEOUT when `signal` is aborted first.
 */
export function sendCancel(target: CancelTarget, network: ComputeNetwork): Promise<void> {
  const { address, backendKey, signal } = target;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(dialTimeout(signal));
    const { socket } = openSocket(address, network);
    let written = false;
    const settle = (settled: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      settled();
    };
    const onAbort = () => settle(() => reject(dialTimeout(signal)));
    const onGone = (error: unknown) =>
      settle(() => (written ? resolve() : reject(classifyDialError(error, describeAddress(address)))));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', onGone);
    socket.on('end', () => onGone(new GatewayError('COMPUTE_RESET')));
    socket.resume();
    socket.write(encodeCancelRequest(backendKey.pid, backendKey.secret), (error) => (written = !error));
  });
}
