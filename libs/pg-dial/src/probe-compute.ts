// Asks an address for a sign of life, over a connection of its own: somebody there has to answer an SSLRequest, which Postgres
// does before anything else. It is no login: Postgres counts no session, logs nothing, and nothing is woken.

import type { Socket } from 'node:net';
import { encodeSslRequest } from '@pgwake/pg-wire';
import type { NodeAddress } from '@pgwake/wake-api';
import type { ComputeNetwork } from './compute-network.js';
import { openSocket } from './open-socket.js';

/**
 * `silent`: nobody is there, nobody answers, or whoever does is no Postgres. `failed`: we could not even ask, which says
 * nothing about anybody.
 */
export type ProbeResult = 'alive' | 'silent' | 'failed';

const defaultLimitMs = 5_000;
/** Yes or no to TLS, or the error of a postmaster that has no process to spare: each comes from a Postgres. */
const answers = 'SNE';
/** What the network, or who lives at the address, says. Other errors are this machine's own: no port, no file, no route. */
const errorsOfTheOtherSide = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EHOSTUNREACH', 'EHOSTDOWN', 'ETIMEDOUT'];

/** Takes `limitMs` at most. Never rejects. */
export function probeCompute(
  address: NodeAddress,
  network: ComputeNetwork,
  limitMs = defaultLimitMs,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = open(address, network);
    if (socket === undefined) return resolve('failed');
    const settle = (result: ProbeResult) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    // Not at once: after a pause of this process the answer may be there, and only not read yet.
    const timer = setTimeout(() => setImmediate(settle, 'silent'), limitMs);
    socket.on('error', ({ code = '' }: NodeJS.ErrnoException) =>
      settle(errorsOfTheOtherSide.includes(code) ? 'silent' : 'failed'),
    );
    socket.on('end', () => settle('silent'));
    socket.once('data', (bytes: Buffer) =>
      settle(answers.includes(bytes.toString('latin1', 0, 1)) ? 'alive' : 'silent'),
    );
    socket.write(encodeSslRequest());
  });
}

function open(address: NodeAddress, network: ComputeNetwork): Socket | undefined {
  try {
    return openSocket(address, network).socket;
  } catch {
    return undefined;
  }
}
