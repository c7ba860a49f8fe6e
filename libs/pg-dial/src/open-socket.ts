// The one place that opens sockets to computes.

import { Socket } from 'node:net';
import { LendingReads } from '@pgwake/bare-sockets';
import { type NodeAddress, describeAddress } from '@pgwake/wake-api';
import type { ComputeNetwork } from './compute-network.js';

/** Node then sends ten probes, one a second: a compute that vanished while idle is noticed after 40 s. */
const keepAliveIdleMs = 30_000;
/** Of several addresses of a name each gets this long; Node's own 250 ms drop one that is slow but alive. */
const perAddressTimeoutMs = 1_000;

export interface OpenSocket {
  readonly socket: Socket;
  /** How it reads: as any socket, until somebody takes the bytes as lent. */
  readonly reads: LendingReads;
}

/**
 * A socket on its way to a compute; what is written before it is connected waits. It lets the relay half-close, and has
 * an 'error' listener from the start that does nothing. Throws for an address that no socket can have, and
 * COMPUTE_ADDRESS_FORBIDDEN for one outside the network. A unix socket is no part of any network.
 */
export function openSocket(address: NodeAddress, network: ComputeNetwork): OpenSocket {
  const reads = new LendingReads();
  const socket = new Socket({ allowHalfOpen: true, onread: reads.onread });
  reads.bind(socket);
  socket.on('error', ignore);
  try {
    if (address.kind === 'unix') {
      // For a unix socket the description is its path.
      socket.connect({ path: describeAddress(address) });
    } else {
      network.requireAllowed(address.host);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, keepAliveIdleMs);
      socket.connect({
        host: address.host,
        port: address.port,
        lookup: network.lookup,
        autoSelectFamily: true,
        autoSelectFamilyAttemptTimeout: perAddressTimeoutMs,
      });
    }
    return { socket, reads };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function ignore(): void {
  // Whoever waits on the socket has a listener of its own.
}
