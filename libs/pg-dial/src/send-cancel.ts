// Asks a compute to cancel what one of its sessions is doing. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS

import type { LookupFunction } from 'node:net';
import { GatewayError } from '@pgwake/gateway-errors';
import { type BackendKey, encodeCancelRequest } from '@pgwake/pg-wire';
import { type NodeAddress, describeAddress } from '@pgwake/wake-api';
import { classifyDialError, dialTimeout } from './classify.js';
import { lookupHost } from './lookup-host.js';
import { openSocket } from './open-socket.js';

export interface CancelTarget {
  readonly address: NodeAddress;
  readonly backendKey: BackendKey;
  readonly signal: AbortSignal;
  readonly lookup?: LookupFunction;
}

/**
 * Resolves once the compute has closed the connection: the signal is on its way to the session by then, and a query sent later is
 * not what it hits. Whether there was anything to cancel nobody is told. Rejects with a GatewayError when the request cannot have
 * arrived, or with COMPUTE_DIAL_TIMEOUT when `signal` is aborted first.
 */
export function sendCancel({ address, backendKey, signal, lookup = lookupHost }: CancelTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = openSocket(address, lookup);
    let written = false;
    const settle = (settled: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      settled();
    };
    const onAbort = () => settle(() => reject(dialTimeout(signal)));
    const onGone = (error: unknown) =>
      settle(() => (written ? resolve() : reject(classifyDialError(error, describeAddress(address)))));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', onGone);
    socket.on('end', () => onGone(new GatewayError('COMPUTE_RESET')));
    socket.resume();
    socket.write(encodeCancelRequest(backendKey.pid, backendKey.secret), (error) => (written = !error));
  });
}
