// The packets a client may open a connection with. They have no tag, and limits of their own: those of
// Postgres (src/backend/tcop/backend_startup.c), and stricter where Postgres lets two readers disagree about a name.

import { BodyCursor, cString, concatBytes, decodeUtf8, int32, readUint32 } from './bytes.js';
import { type Decoded, type Parsed, decoded, violation } from './parsed.js';

export type StartupParameters = readonly (readonly [name: string, value: string])[];

export type StartupRequest =
  | { readonly kind: 'ssl' }
  | { readonly kind: 'gssenc' }
  | { readonly kind: 'cancel'; readonly pid: number; readonly secret: Uint8Array }
  | {
      readonly kind: 'startup';
      /** Always 3. */
      readonly major: number;
      /** Above 0 is for the session to answer with NegotiateProtocolVersion. */
      readonly minor: number;
      /** As sent, in order, each name once; `user` is among them and not empty. */
      readonly parameters: StartupParameters;
    };

/** Both count the length word itself. MAX_STARTUP_PACKET_LENGTH is 10000 without it. */
const minLengthWord = 8;
const maxLengthWord = 10_004;

const sslRequestCode = 80_877_103;
const gssEncRequestCode = 80_877_104;
const cancelRequestCode = 80_877_102;
const minSecretBytes = 4;
const maxSecretBytes = 256;

/**
 * Reads the first packet of a connection. A length out of bounds is refused before the rest has arrived.
 * Violations carry the SQLSTATE that Postgres gives: 08P01; 0A000 for another major version; 28000 without a user.
 */
export function parseStartupRequest(bytes: Uint8Array): Parsed<StartupRequest> {
  if (bytes.length < 4) return { kind: 'incomplete' };
  const length = readUint32(bytes, 0);
  if (length < minLengthWord || length > maxLengthWord) return violation('invalid length of startup packet');
  if (bytes.length < length) return { kind: 'incomplete' };

  const request = parseByCode(readUint32(bytes, 4), bytes.subarray(8, length));
  return request.kind === 'violation' ? request : { kind: 'value', value: request.value, consumed: length };
}

function parseByCode(code: number, body: Uint8Array): Decoded<StartupRequest> {
  switch (code) {
    case sslRequestCode:
      return body.length === 0 ? decoded({ kind: 'ssl' }) : violation('invalid length of SSL request');
    case gssEncRequestCode:
      return body.length === 0 ? decoded({ kind: 'gssenc' }) : violation('invalid length of GSS encryption request');
    case cancelRequestCode:
      return parseCancel(body);
    default:
      return parseStartup(code >>> 16, code & 0xffff, body);
  }
}

function parseCancel(body: Uint8Array): Decoded<StartupRequest> {
  const secretBytes = body.length - 4;
  if (secretBytes < minSecretBytes || secretBytes > maxSecretBytes) {
    return violation('invalid length of cancel request');
  }
  // A copy: the request outlives the buffer it came in.
  return decoded({ kind: 'cancel', pid: readUint32(body, 0), secret: body.slice(4) });
}

function parseStartup(major: number, minor: number, body: Uint8Array): Decoded<StartupRequest> {
  if (major !== 3) return violation(`unsupported frontend protocol ${major}.${minor}`, '0A000');

  const parameters = new Map<string, string>();
  const cursor = new BodyCursor(body);
  for (;;) {
    const nameBytes = cursor.takeCString();
    if (nameBytes === undefined) return violation('startup packet has no terminator');
    if (nameBytes.length === 0) break;
    const valueBytes = cursor.takeCString();
    if (valueBytes === undefined) return violation('startup packet has a parameter without a value');
    const name = decodeUtf8(nameBytes);
    const value = decodeUtf8(valueBytes);
    if (name === undefined || value === undefined) return violation('startup packet is not valid UTF-8');
    // Postgres takes the last of two users, other software the first: one would be authenticated and the other served.
    if (parameters.has(name)) return violation('startup packet has a parameter twice');
    parameters.set(name, value);
  }
  if (!cursor.atEnd) return violation('startup packet goes on after its terminator');
  if (!parameters.get('user')) return violation('no PostgreSQL user name specified in startup packet', '28000');
  return decoded({ kind: 'startup', major, minor, parameters: [...parameters] });
}

/**
 * A StartupMessage of protocol 3.`minor`. Throws RangeError for what Postgres would refuse to read: NUL in a name or
 * value, an empty name, more than 10,004 bytes.
 */
export function encodeStartupMessage(parameters: StartupParameters, minor = 0): Uint8Array {
  if (parameters.some(([name]) => name === '')) throw new RangeError('a startup parameter needs a name');
  const body = concatBytes(...parameters.flat().map(cString), Uint8Array.of(0));
  const length = body.length + 8;
  if (length > maxLengthWord) throw new RangeError(`startup packet of ${length} bytes is over ${maxLengthWord}`);
  return concatBytes(int32(length), int32((3 << 16) | minor), body);
}

export function encodeSslRequest(): Uint8Array {
  return concatBytes(int32(8), int32(sslRequestCode));
}

export function encodeGssEncRequest(): Uint8Array {
  return concatBytes(int32(8), int32(gssEncRequestCode));
}

export function encodeCancelRequest(pid: number, secret: Uint8Array): Uint8Array {
  return concatBytes(int32(12 + secret.length), int32(cancelRequestCode), int32(pid), secret);
}
