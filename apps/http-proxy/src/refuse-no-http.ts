// Answers outside of HTTP's own way: to what Node's parser gives up on, and to connections for which there is no place. The
// connection ends with them: where a next request would begin is anybody's guess, and guessing is how requests are smuggled.

import type { Duplex } from 'node:stream';
import { GatewayError, toHttpBody } from '@pgwake/gateway-errors';
import { renderErrorBody } from '@pgwake/sql-over-http';
import type { AnswersDue } from './answers-due.js';
import { statusLine } from './exchange.js';

/** A client that is still sending would lose the answer if the connection were closed at once. */
const lingerMs = 1_000;

/** For the 'clientError' event of a node:http server. Where answers are due on the connection, it ends with the last of them. */
export function refuseNoHttp(error: NodeJS.ErrnoException, socket: Duplex, answers: AnswersDue): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) {
    socket.destroy();
    return;
  }
  // Told already: Node says it again for whatever still comes.
  if (!socket.writable) return;
  if (!answers.mayAnswerBrokenBytes) return answers.onceAllGiven(() => end(socket));
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return endWith(socket, invalid('its headers are too long'), 431);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return endWith(socket, new GatewayError('CLIENT_TOO_SLOW'));
    default:
      return endWith(socket, invalid('it is no HTTP'));
  }
}

/** Says why, and ends the connection. `status`: if it is not that of the error. */
export function endWith(socket: Duplex, error: GatewayError, status = error.entry.httpStatus): void {
  const body = renderErrorBody(toHttpBody(error).body);
  const head = [
    statusLine(status),
    'Connection: close',
    'Content-Type: application/json',
    'Access-Control-Allow-Origin: *',
    `Content-Length: ${body.length}`,
  ];
  socket.write(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
  end(socket);
}

function end(socket: Duplex): void {
  socket.end();
  // What it still sends is read, so that the end of the connection does not overtake the answer.
  socket.resume();
  setTimeout(() => socket.destroy(), lingerMs);
}

function invalid(what: string): GatewayError {
  return new GatewayError('REQUEST_INVALID', { params: { what } });
}
