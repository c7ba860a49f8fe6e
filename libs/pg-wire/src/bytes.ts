// Reading and writing of the protocol's four shapes: Int16, Int32, String (ends with NUL) and raw bytes, big-endian.

const encoder = new TextEncoder();
// A byte order mark is data here: swallowing it would make two different names equal.
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenientDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** `undefined` when the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** For texts of a server that may speak another encoding before the session has one: never fails. */
export function decodeUtf8Leniently(bytes: Uint8Array): string {
  return lenientDecoder.decode(bytes);
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(lengthOf(parts));
  copyParts(parts, joined, 0);
  return joined;
}

/** Of all parts together. */
export function lengthOf(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  return bytes;
}

/** One behind the other, from `at` on. Throws RangeError where there is no room for them. */
export function copyParts(parts: readonly Uint8Array[], target: Uint8Array, at: number): void {
  let end = at;
  for (const part of parts) {
    target.set(part, end);
    end += part.length;
  }
}

/**
 * The Int32 at `at` as an unsigned number; a negative length thus shows up as a huge one. The caller checks the
 * bounds.
 */
export function readUint32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16);
  return (high | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function int16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

export function int32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/**
 * A String of the protocol. Throws RangeError for a text with NUL inside: the reader would take the rest for the next
 * field.
 */
export function cString(text: string): Uint8Array {
  if (text.includes('\0')) throw new RangeError('a protocol string cannot hold NUL');
  return encoder.encode(`${text}\0`);
}

/** Walks over a message body. Every `take` gives `undefined` instead of reading past the end. */
export class BodyCursor {
  #at = 0;

  constructor(private readonly body: Uint8Array) {}

  get atEnd(): boolean {
    return this.#at === this.body.length;
  }

  takeBytes(count: number): Uint8Array | undefined {
    if (count > this.body.length - this.#at) return undefined;
    this.#at += count;
    return this.body.subarray(this.#at - count, this.#at);
  }

  takeUint8(): number | undefined {
    return this.takeBytes(1)?.[0];
  }

  takeUint16(): number | undefined {
    const bytes = this.takeBytes(2);
    return bytes === undefined ? undefined : readUint32(bytes, 0) >>> 16;
  }

  takeUint32(): number | undefined {
    const bytes = this.takeBytes(4);
    return bytes === undefined ? undefined : readUint32(bytes, 0);
  }

  /** The bytes up to the next NUL, which is consumed and not part of the answer. */
  takeCString(): Uint8Array | undefined {
    const end = this.body.indexOf(0, this.#at);
    if (end === -1) return undefined;
    const bytes = this.body.subarray(this.#at, end);
    this.#at = end + 1;
    return bytes;
  }

  takeRest(): Uint8Array {
    const bytes = this.body.subarray(this.#at);
    this.#at = this.body.length;
    return bytes;
  }
}
