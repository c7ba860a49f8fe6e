import { concatBytes, int32 } from './bytes.js';

/** Tag, length word, body: any message but the startup packets. */
export function encodeMessage(tag: number, ...body: readonly Uint8Array[]): Uint8Array {
  const bodyBytes = body.reduce((sum, part) => sum + part.length, 0);
  return concatBytes(Uint8Array.of(tag), int32(bodyBytes + 4), ...body);
}
