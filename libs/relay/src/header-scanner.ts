// Finds the message headers in one direction of a v3 byte stream, cut anywhere. It looks at headers and at one byte of a
// body, copies nothing, creates nothing, and never holds a byte back.
// https://www.postgresql.org/docs/current/protocol-message-formats.html

/** Postgres refuses to build or to read a longer message (MaxAllocSize, src/include/utils/memutils.h); the length counts itself. */
export const maxMessageLength = 0x3fffffff + 4;

const headerBytes = 5;

export abstract class HeaderScanner {
  #tag = 0;
  #headerBytesSeen = 0;
  #length = 0;
  #bodyBytesLeft = 0;
  #bodyBegun = true;

  protected abstract onMessage(tag: number): void;

  /** The first byte of the body, for messages that have one. */
  protected onFirstBodyByte(_tag: number, _byte: number): void {}

  /** Whether the next byte is the first one of a message. */
  get atBorder(): boolean {
    return this.#headerBytesSeen === 0 && this.#bodyBytesLeft === 0;
  }

  /** Reads on. `false` at a length that no message can have: the stream makes no sense from there on; scan no more of it. */
  scan(bytes: Uint8Array): boolean {
    let at = 0;
    while (at < bytes.length) {
      if (this.#bodyBytesLeft > 0) {
        if (!this.#bodyBegun) {
          this.#bodyBegun = true;
          this.onFirstBodyByte(this.#tag, bytes[at] ?? 0);
        }
        const taken = Math.min(this.#bodyBytesLeft, bytes.length - at);
        this.#bodyBytesLeft -= taken;
        at += taken;
        continue;
      }
      const byte = bytes[at++] ?? 0;
      if (this.#headerBytesSeen === 0) {
        this.#tag = byte;
        this.#length = 0;
      } else {
        this.#length = this.#length * 256 + byte; // no shift: it would make lengths above 2 GiB negative
      }
      if (++this.#headerBytesSeen < headerBytes) continue;
      if (this.#length < 4 || this.#length > maxMessageLength) return false;
      this.#headerBytesSeen = 0;
      this.#bodyBytesLeft = this.#length - 4;
      this.#bodyBegun = false;
      this.onMessage(this.#tag);
    }
    return true;
  }
}
