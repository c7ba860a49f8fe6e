// Bytes written by hand. The corpora say what is on the wire without the help of the code that they are for.

/** Each character is one byte. */
export function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

export function int32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

export function concat(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const pieces = parts.map((part) => (typeof part === 'string' ? latin1(part) : part));
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return [0, 1, 2, 3].reduce((sum, index) => sum * 256 + (bytes[at + index] ?? 0), 0);
}

/** A message with a true length word. */
export function message(tag: string, ...body: readonly (Uint8Array | string)[]): Uint8Array {
  const bytes = concat(...body);
  return concat(tag, int32(bytes.length + 4), bytes);
}

/** The header of a message that announces `length`, and `body`, whatever its length is. */
export function announcing(tag: string, length: number, ...body: readonly (Uint8Array | string)[]): Uint8Array {
  return concat(tag, int32(length), ...body);
}

/** A startup packet with a true length word. */
export function packet(code: number, ...body: readonly (Uint8Array | string)[]): Uint8Array {
  const bytes = concat(...body);
  return concat(int32(bytes.length + 8), int32(code), bytes);
}

export const protocol = (major: number, minor: number): number => major * 65_536 + minor;

/** A StartupMessage of protocol 3.0. */
export function startup(...parameters: readonly (Uint8Array | string)[]): Uint8Array {
  return packet(protocol(3, 0), ...parameters);
}
