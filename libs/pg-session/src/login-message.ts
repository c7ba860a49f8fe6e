import { GatewayError } from '@pgwake/gateway-errors';
import {
  type Decoded,
  type Parsed,
  type Violation,
  type WireMessage,
  createMessageReader,
  frontendTag,
} from '@pgwake/pg-wire';

/** Passwords and SASL messages are short; Postgres itself stops at 64 KB. */
const maxBodyBytes = 8 * 1024;
const headerBytes = 5;

/** One message of a client that logs in. Anything but an answer to our authentication request breaks the protocol. */
export function parseLoginMessage(bytes: Uint8Array): Parsed<WireMessage> {
  if (bytes[0] !== undefined && bytes[0] !== frontendTag.password) {
    return { kind: 'violation', what: 'expected an answer to the authentication request', sqlState: '08P01' };
  }
  const reader = createMessageReader({ maxBodyBytes });
  reader.push(bytes);
  const message = reader.next();
  if (message === undefined) return { kind: 'incomplete' };
  if (message.kind === 'violation') return message;
  return { kind: 'value', value: message, consumed: headerBytes + message.body.length };
}

/** The value, or the violation as an error for the client. */
export function unwrap<T>(decoded: Decoded<T>): T {
  if (decoded.kind === 'violation') throw protocolError(decoded);
  return decoded.value;
}

/** What Postgres answers with a SQLSTATE of its own, in its words; everything else as 08P01. */
export function protocolError({ what, sqlState }: Pick<Violation, 'what' | 'sqlState'>): GatewayError {
  if (sqlState === '08P01') return new GatewayError('PROTOCOL_VIOLATION', { params: { what } });
  return new GatewayError('PROTOCOL_VIOLATION', { asSent: { severity: 'FATAL', code: sqlState, message: what } });
}
