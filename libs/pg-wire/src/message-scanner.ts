// Cuts a byte stream into messages without copying: for whoever reads many of them and keeps none. It holds at most the
// one message that is still arriving, and that never grows by what a peer announces.

import { readUint32 } from './bytes.js';

/** `incomplete`: push more. `tooLong`, `malformed`: for good, the stream makes no sense from there on. */
export type Scan = 'message' | 'incomplete' | 'tooLong' | 'malformed';

const headerBytes = 5;
const nothing = new Uint8Array(0);
/** A larger buffer is given up after its message, otherwise one large value costs its memory for ever. */
const keptBufferBytes = 64 * 1024;

export class MessageScanner {
  /** Of the message that `next` has just found: its first byte, see `backendTag`. */
  tag = 0;
  /** What follows the length word: a view that is valid until the next call. */
  body: Uint8Array = nothing;
  readonly #maxBodyBytes: number;
  #chunk = nothing as Uint8Array;
  #at = 0;
  /** The beginning of a message whose end is in a later chunk. */
  #held = nothing as Uint8Array;
  #heldBytes = 0;
  #broken: 'tooLong' | 'malformed' | undefined;

  /** A message that announces a longer body is `tooLong` as soon as its header is there. */
  constructor({ maxBodyBytes }: { readonly maxBodyBytes: number }) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** Nothing of a message is held: the next chunk begins with one. */
  get isBetweenMessages(): boolean {
    return this.#heldBytes === 0 && this.#broken === undefined;
  }

  /** The chunk must stay as it is until `next` has said `incomplete`; before that nothing more may be pushed. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** What of the chunk no message was found in yet: a view. */
  get rest(): Uint8Array {
    return this.#at === 0 ? this.#chunk : this.#chunk.subarray(this.#at);
  }

  /** Somebody else has taken the rest. Only between messages. */
  dropRest(): void {
    this.#wantMore();
  }

  next(): Scan {
    if (this.#broken !== undefined) return this.#broken;
    return this.#heldBytes > 0 ? this.#nextFromHeld() : this.#nextFromChunk();
  }

  #nextFromChunk(): Scan {
    const chunk = this.#chunk;
    const start = this.#at;
    const available = chunk.length - start;
    if (available >= headerBytes) {
      const length = this.#readLength(chunk, start);
      if (length === undefined) return this.#broken ?? 'malformed';
      if (available > length) {
        this.tag = chunk[start] ?? 0;
        this.#at = start + 1 + length;
        this.body = length === 4 ? nothing : chunk.subarray(start + headerBytes, this.#at);
        return 'message';
      }
    }
    if (available > 0) this.#hold(available, available);
    return this.#wantMore();
  }

  #nextFromHeld(): Scan {
    if (this.#heldBytes < headerBytes) {
      this.#hold(headerBytes - this.#heldBytes, headerBytes);
      if (this.#heldBytes < headerBytes) return this.#wantMore();
    }
    const length = this.#readLength(this.#held, 0);
    if (length === undefined) return this.#broken ?? 'malformed';
    const whole = 1 + length;
    this.#hold(whole - this.#heldBytes, whole);
    if (this.#heldBytes < whole) return this.#wantMore();
    this.tag = this.#held[0] ?? 0;
    this.body = this.#held.subarray(headerBytes, whole);
    this.#heldBytes = 0;
    if (this.#held.length > keptBufferBytes) this.#held = nothing;
    return 'message';
  }

  /** Lets go of the chunk, otherwise an idle connection keeps 64 KiB for the few bytes it read last. */
  #wantMore(): Scan {
    this.#chunk = nothing;
    this.#at = 0;
    this.body = nothing;
    return 'incomplete';
  }

  #readLength(bytes: Uint8Array, start: number): number | undefined {
    const length = readUint32(bytes, start + 1);
    if (length < 4) this.#broken = 'malformed';
    else if (length - 4 > this.#maxBodyBytes) this.#broken = 'tooLong';
    else return length;
    return undefined;
  }

  /** Takes up to `wanted` bytes from the chunk. The buffer doubles with what arrives, up to `useful` bytes. */
  #hold(wanted: number, useful: number): void {
    const count = Math.min(wanted, this.#chunk.length - this.#at);
    const needed = this.#heldBytes + count;
    if (this.#held.length < needed) {
      const larger = new Uint8Array(Math.max(needed, Math.min(2 * this.#held.length, useful)));
      larger.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = larger;
    }
    this.#held.set(this.#chunk.subarray(this.#at, this.#at + count), this.#heldBytes);
    this.#heldBytes = needed;
    this.#at += count;
  }
}
