// Clients for whom there is no place, not even for a handshake: they get one error in plaintext and the end, at the cost of
// a write. libpq takes an error for an answer to its SSLRequest, too; that it then does not repeat the words is its choice.

import type { Socket } from 'node:net';
import { type GatewayError, toErrorResponse } from '@pgwake/gateway-errors';
import { encodeErrorResponse } from '@pgwake/pg-wire';

/** Who is closed at once with bytes unread gets a reset, which may overtake the error. */
const lingerMs = 1_000;
/** More at a time are closed at once. */
export const maxLingering = 64;

export function createTurnAway(): (socket: Socket, error: GatewayError) => void {
  let lingering = 0;
  return (socket, error) => {
    const words = encodeErrorResponse(toErrorResponse(error));
    socket.on('error', () => socket.destroy());
    if (lingering >= maxLingering) {
      socket.end(words, () => socket.destroy());
      return;
    }
    lingering += 1;
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once('close', () => {
      lingering -= 1;
      clearTimeout(timer);
    });
    socket.resume();
    socket.end(words);
  };
}
