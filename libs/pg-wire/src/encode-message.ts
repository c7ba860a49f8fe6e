import { copyParts, lengthOf, writeUint32 } from './bytes.js';

const headerBytes = 5;

/** Tag, length word, body: any message but the startup packets. */
export function encodeMessage(tag: number, ...body: readonly Uint8Array[]): Uint8Array {
  const bodyBytes = lengthOf(body);
  const message = new Uint8Array(headerBytes + bodyBytes);
  message[0] = tag;
  writeUint32(message, 1, bodyBytes + 4);
  copyParts(body, message, headerBytes);
  return message;
}
