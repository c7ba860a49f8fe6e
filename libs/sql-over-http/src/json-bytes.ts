// JSON as bytes, written piece by piece. Text that comes as UTF-8 goes through as UTF-8: it is never decoded, only looked
// at for the few bytes that JSON wants escaped (none of which is part of a longer character).

/** Below it a loop is quicker than a call of `set`. */
const smallCopy = 48;
const quoteMark = 0x22;
const backslash = 0x5c;
const encoder = new TextEncoder();

const hex = encoder.encode('0123456789abcdef');
const shortEscapes = new Map(
  [
    [0x08, 'b'],
    [0x09, 't'],
    [0x0a, 'n'],
    [0x0c, 'f'],
    [0x0d, 'r'],
    [quoteMark, '"'],
    [backslash, '\\'],
  ].map(([byte, letter]) => [byte as number, (letter as string).charCodeAt(0)]),
);

/** For constants. */
export function ascii(text: string): Uint8Array {
  return encoder.encode(text);
}

const null_ = ascii('null');

const nothing = new Uint8Array(0);
const usualSize = 4 * 1024;
/** Of that size, not in use: to make one costs more than to write an ordinary answer into it. */
const spare: Uint8Array[] = [];
const maxSpare = 64;

/** Gives back what `take` gave, when nobody looks at it any more. */
export function reuse({ buffer }: Uint8Array): void {
  if (buffer.byteLength === usualSize && spare.length < maxSpare) spare.push(new Uint8Array(buffer as ArrayBuffer));
}

export class JsonBytes {
  readonly #firstSize: number;
  #bytes: Uint8Array = nothing;
  #length = 0;

  constructor(firstSize = usualSize) {
    this.#firstSize = firstSize;
  }

  get length(): number {
    return this.#length;
  }

  appendByte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length] = byte;
    this.#length += 1;
  }

  append(source: Uint8Array, from = 0, to = source.length): void {
    const size = to - from;
    this.#reserve(size);
    if (size > smallCopy) {
      this.#bytes.set(source.subarray(from, to), this.#length);
    } else {
      const target = this.#bytes;
      const at = this.#length - from;
      for (let index = from; index < to; index += 1) target[at + index] = source[index] ?? 0;
    }
    this.#length += size;
  }

  appendNull(): void {
    this.append(null_);
  }

  appendInteger(value: number): void {
    const digits = String(value);
    for (let at = 0; at < digits.length; at += 1) this.appendByte(digits.charCodeAt(at));
  }

  /** UTF-8 as a JSON string, quotes included. */
  appendString(source: Uint8Array, from = 0, to = source.length): void {
    this.appendByte(quoteMark);
    this.appendEscaped(source, from, to);
    this.appendByte(quoteMark);
  }

  /** The same without the quotes: a part of a string. */
  appendEscaped(source: Uint8Array, from: number, to: number): void {
    let copied = from;
    for (let index = from; index < to; index += 1) {
      const byte = source[index] ?? 0;
      if (byte >= 0x20 && byte !== quoteMark && byte !== backslash) continue;
      this.append(source, copied, index);
      this.#appendEscape(byte);
      copied = index + 1;
    }
    this.append(source, copied, to);
  }

  /** Takes back everything behind `length`. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  /** Everything written since the last `take`. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = nothing;
    this.#length = 0;
    return taken;
  }

  #appendEscape(byte: number): void {
    const letter = shortEscapes.get(byte);
    this.appendByte(backslash);
    if (letter !== undefined) return this.appendByte(letter);
    this.append(ascii('u00'));
    this.appendByte(hex[byte >>> 4] ?? 0);
    this.appendByte(hex[byte & 15] ?? 0);
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    if (needed <= usualSize && this.#firstSize === usualSize) {
      this.#bytes = spare.pop() ?? new Uint8Array(usualSize);
      return;
    }
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2, this.#firstSize));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
