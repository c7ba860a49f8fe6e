// Writes the messages of queries one behind the other into one buffer: what goes out in one write costs one allocation.
// Statements and portals are the unnamed ones. https://www.postgresql.org/docs/current/protocol-message-formats.html

import { encodeUtf8 } from './bytes.js';
import { frontendTag } from './tags.js';

const encoder = new TextEncoder();
/** A UTF-16 unit becomes at most 3 bytes of UTF-8. Longer texts are encoded apart, so that the buffer fits them exactly. */
const roomyTextLength = 1_024;
/** Up to here a loop is quicker than a call into the encoder, and a view of the buffer for it. */
const shortTextLength = 128;
const maxParameters = 0xffff;

/** Of the unnamed portal, all rows. */
const describePortalMessage = Uint8Array.of(frontendTag.describe, 0, 0, 0, 6, 0x50, 0);
const executeMessage = Uint8Array.of(frontendTag.execute, 0, 0, 0, 9, 0, 0, 0, 0, 0);
const syncMessage = Uint8Array.of(frontendTag.sync, 0, 0, 0, 4);

/** An ordinary query, and what follows it, fit. */
const usualBytes = 1_024;
/** What a writer may keep from one use to the next. */
const mostKeptBytes = 16 * 1_024;

export class FrontendWriter {
  #buffer = new Uint8Array(usualBytes);
  #end = 0;

  /** What was written so far: a view, for the writer's only owner. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#end);
  }

  /** Begins anew, in the same memory: what `bytes` gave is of no more use. */
  clear(): void {
    this.#end = 0;
    if (this.#buffer.length > mostKeptBytes) this.#buffer = new Uint8Array(usualBytes);
  }

  /** Throws RangeError for a text with NUL inside, as all that write text here. */
  query(sql: string): this {
    const lengthAt = this.#begin(frontendTag.query);
    this.#cString(sql);
    return this.#finish(lengthAt);
  }

  /** The types of all parameters are left to the server. */
  parse(sql: string): this {
    const lengthAt = this.#begin(frontendTag.parse);
    this.#uint8(0);
    this.#cString(sql);
    this.#int16(0);
    return this.#finish(lengthAt);
  }

  /** All values and all columns in text format. Throws RangeError for more parameters than a message can have. */
  bind(values: readonly (string | null)[]): this {
    if (values.length > maxParameters) throw new RangeError(`${values.length} parameters`);
    const lengthAt = this.#begin(frontendTag.bind);
    this.#uint8(0);
    this.#uint8(0);
    this.#int16(0);
    this.#int16(values.length);
    for (const value of values) {
      const valueLengthAt = this.#end;
      this.#int32(-1);
      if (value === null) continue;
      this.#text(value);
      this.#patchInt32(valueLengthAt, this.#end - valueLengthAt - 4);
    }
    this.#int16(0);
    return this.#finish(lengthAt);
  }

  describePortal(): this {
    return this.#fixed(describePortalMessage);
  }

  /** For all rows. */
  execute(): this {
    return this.#fixed(executeMessage);
  }

  sync(): this {
    return this.#fixed(syncMessage);
  }

  /** Messages that were written before. */
  messages(bytes: Uint8Array): this {
    this.#makeRoomFor(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
    return this;
  }

  copyFail(reason: string): this {
    const lengthAt = this.#begin(frontendTag.copyFail);
    this.#cString(reason);
    return this.#finish(lengthAt);
  }

  #begin(tag: number): number {
    this.#uint8(tag);
    this.#int32(0);
    return this.#end - 4;
  }

  #finish(lengthAt: number): this {
    this.#patchInt32(lengthAt, this.#end - lengthAt);
    return this;
  }

  #fixed(message: Uint8Array): this {
    this.#makeRoomFor(message.length);
    const buffer = this.#buffer;
    for (let at = 0; at < message.length; at += 1) buffer[this.#end + at] = message[at] ?? 0;
    this.#end += message.length;
    return this;
  }

  #cString(text: string): void {
    if (text.includes('\0')) throw new RangeError('a protocol string cannot hold NUL');
    this.#text(text);
    this.#uint8(0);
  }

  #text(text: string): void {
    if (text.length > roomyTextLength) {
      const encoded = encodeUtf8(text);
      this.#makeRoomFor(encoded.length);
      this.#buffer.set(encoded, this.#end);
      this.#end += encoded.length;
      return;
    }
    this.#makeRoomFor(3 * text.length);
    if (text.length <= shortTextLength && this.#shortAscii(text)) return;
    this.#end += encoder.encodeInto(text, this.#buffer.subarray(this.#end)).written;
  }

  /** False: it is not ASCII, and nothing is written. */
  #shortAscii(text: string): boolean {
    const buffer = this.#buffer;
    const start = this.#end;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      if (unit > 0x7f) return false;
      buffer[start + at] = unit;
    }
    this.#end = start + text.length;
    return true;
  }

  #uint8(value: number): void {
    this.#makeRoomFor(1);
    this.#buffer[this.#end++] = value;
  }

  #int16(value: number): void {
    this.#uint8(value >>> 8);
    this.#uint8(value);
  }

  #int32(value: number): void {
    this.#makeRoomFor(4);
    this.#end += 4;
    this.#patchInt32(this.#end - 4, value);
  }

  #patchInt32(at: number, value: number): void {
    this.#buffer[at] = value >>> 24;
    this.#buffer[at + 1] = value >>> 16;
    this.#buffer[at + 2] = value >>> 8;
    this.#buffer[at + 3] = value;
  }

  #makeRoomFor(count: number): void {
    const needed = this.#end + count;
    if (this.#buffer.length >= needed) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
    larger.set(this.#buffer.subarray(0, this.#end));
    this.#buffer = larger;
  }
}
