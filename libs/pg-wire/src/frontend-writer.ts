// Writes the messages of queries one behind the other into one buffer: what goes out in one write costs one allocation.
// Statements and portals are the unnamed ones. https://www.postgresql.org/docs/current/protocol-message-formats.html

import { encodeUtf8 } from './bytes.js';
import { frontendTag } from './tags.js';

const encoder = new TextEncoder();
/** A UTF-16 unit becomes at most 3 bytes of UTF-8. Longer texts are encoded apart, so that the buffer fits them exactly. */
const roomyTextLength = 1_024;
const maxParameters = 0xffff;

export class FrontendWriter {
  #buffer = new Uint8Array(512);
  #end = 0;

  /** What was written so far: a view, for the writer's only owner. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#end);
  }

  /** Throws RangeError for a text with NUL inside, as all that write text here. */
  query(sql: string): this {
    return this.#message(frontendTag.query, () => this.#cString(sql));
  }

  /** The types of all parameters are left to the server. */
  parse(sql: string): this {
    return this.#message(frontendTag.parse, () => {
      this.#uint8(0);
      this.#cString(sql);
      this.#int16(0);
    });
  }

  /** All values and all columns in text format. Throws RangeError for more parameters than a message can have. */
  bind(values: readonly (string | null)[]): this {
    if (values.length > maxParameters) throw new RangeError(`${values.length} parameters`);
    return this.#message(frontendTag.bind, () => {
      this.#uint8(0);
      this.#uint8(0);
      this.#int16(0);
      this.#int16(values.length);
      for (const value of values) {
        const lengthAt = this.#end;
        this.#int32(-1);
        if (value === null) continue;
        this.#text(value);
        this.#patchInt32(lengthAt, this.#end - lengthAt - 4);
      }
      this.#int16(0);
    });
  }

  describePortal(): this {
    return this.#message(frontendTag.describe, () => {
      this.#text('P');
      this.#uint8(0);
    });
  }

  /** For all rows. */
  execute(): this {
    return this.#message(frontendTag.execute, () => {
      this.#uint8(0);
      this.#int32(0);
    });
  }

  sync(): this {
    return this.#message(frontendTag.sync, () => undefined);
  }

  copyFail(reason: string): this {
    return this.#message(frontendTag.copyFail, () => this.#cString(reason));
  }

  #message(tag: number, writeBody: () => void): this {
    this.#uint8(tag);
    const lengthAt = this.#end;
    this.#int32(0);
    writeBody();
    this.#patchInt32(lengthAt, this.#end - lengthAt);
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
    this.#end += encoder.encodeInto(text, this.#buffer.subarray(this.#end)).written;
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
