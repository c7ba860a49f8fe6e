// What a client says during a login and for a simple query: each message is written and, where pgwake is the server,
// read here.

import { BodyCursor, cString, decodeUtf8, int32 } from './bytes.js';
import { encodeMessage } from './encode-message.js';
import { type Decoded, decoded, violation } from './parsed.js';
import { frontendTag } from './tags.js';

export interface SaslInitialResponse {
  readonly mechanism: string;
  /** `undefined`: the client wants to be asked first (length -1). */
  readonly data: Uint8Array | undefined;
}

const noData = 0xffff_ffff;

export function encodeSaslInitialResponse({ mechanism, data }: SaslInitialResponse): Uint8Array {
  const tail = data === undefined ? [int32(noData)] : [int32(data.length), data];
  return encodeMessage(frontendTag.password, cString(mechanism), ...tail);
}

export function parseSaslInitialResponse(body: Uint8Array): Decoded<SaslInitialResponse> {
  const malformed = violation('malformed SASL initial response');
  const cursor = new BodyCursor(body);
  const nameBytes = cursor.takeCString();
  const mechanism = nameBytes && decodeUtf8(nameBytes);
  const length = cursor.takeUint32();
  if (mechanism === undefined || length === undefined) return malformed;
  const data = length === noData ? undefined : cursor.takeBytes(length);
  if (!cursor.atEnd || (length !== noData && data === undefined)) return malformed;
  return decoded({ mechanism, data });
}

/** The body of a SASLResponse is the mechanism's own message, so there is nothing to parse on the other side. */
export function encodeSaslResponse(data: Uint8Array): Uint8Array {
  return encodeMessage(frontendTag.password, data);
}

export function encodePasswordMessage(password: string): Uint8Array {
  return encodeMessage(frontendTag.password, cString(password));
}

/** The password, which may be empty. */
export function parsePasswordMessage(body: Uint8Array): Decoded<string> {
  const cursor = new BodyCursor(body);
  const bytes = cursor.takeCString();
  if (bytes === undefined || !cursor.atEnd) return violation('invalid password packet size');
  const password = decodeUtf8(bytes);
  return password === undefined ? violation('the password is not valid UTF-8') : decoded(password);
}

export function encodeQuery(sql: string): Uint8Array {
  return encodeMessage(frontendTag.query, cString(sql));
}

export function encodeTerminate(): Uint8Array {
  return encodeMessage(frontendTag.terminate);
}
