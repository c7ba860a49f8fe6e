// Cuts a byte stream into messages. It limits what one message may announce, not what is pushed: read until `next`
// gives nothing before pushing more, and the reader never holds more than one message and one chunk.

import { readUint32 } from './bytes.js';
import { type Violation, violation } from './parsed.js';

export interface WireMessage {
  readonly kind: 'message';
  /** The ASCII code of the first byte: see `backendTag` and `frontendTag`. */
  readonly tag: number;
  /** What follows the length word. The receiver's own copy. */
  readonly body: Uint8Array;
}

export interface MessageReader {
  /** Takes a copy of the chunk. */
  push(chunk: Uint8Array): void;
  /** The next whole message; `undefined` until more is pushed; a violation for good once there was one. */
  next(): WireMessage | Violation | undefined;
  /** A copy of what was pushed and not yet given out: for whoever takes the connection over. */
  rest(): Uint8Array;
}

const headerBytes = 5;

/** A message that announces a body of more than `maxBodyBytes` is a violation as soon as its header is there. */
export function createMessageReader({ maxBodyBytes }: { readonly maxBodyBytes: number }): MessageReader {
  // Bytes wait in [start, end). The buffer grows by doubling with what really arrived, never by an announced length, so
  // feeding byte by byte is linear and a lie costs nothing.
  let buffer = new Uint8Array(0);
  let start = 0;
  let end = 0;
  let broken: Violation | undefined;

  function makeRoomFor(count: number): void {
    if (buffer.length - end >= count) return;
    const waiting = end - start;
    const target = buffer.length >= 2 * (waiting + count) ? buffer : new Uint8Array(2 * (waiting + count));
    target.set(buffer.subarray(start, end));
    buffer = target;
    start = 0;
    end = waiting;
  }

  return {
    push(chunk) {
      makeRoomFor(chunk.length);
      buffer.set(chunk, end);
      end += chunk.length;
    },

    next() {
      if (broken !== undefined) return broken;
      if (end - start < headerBytes) return undefined;
      const length = readUint32(buffer, start + 1);
      if (length < 4 || length - 4 > maxBodyBytes) return (broken = violation('invalid message length'));
      const messageEnd = start + 1 + length;
      if (end < messageEnd) return undefined;
      const message = {
        kind: 'message',
        tag: buffer[start] ?? 0,
        body: buffer.slice(start + headerBytes, messageEnd),
      } as const;
      start = messageEnd;
      return message;
    },

    rest() {
      return buffer.slice(start, end);
    },
  };
}
