// Reads JSON (RFC 8259) from its beginning to its end, as the caller asks for it. Not JSON.parse, because that
//  - gives numbers as doubles: 9007199254740993 would arrive as ...992;
//  - builds objects with the client's keys, however many and however deep: a request would stop everybody else's.
// Here a number stays its text, an object that nobody looks into stays its text, and nothing nests deeper than a limit.

import { invalidRequest } from './invalid-request.js';

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

const maxDepth = 64;
const numberShape = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const endOfPlainText = /["\\\u0000-\u001f]/g;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** Every method throws a GatewayError (REQUEST_INVALID) that says where the text is no JSON. */
export class JsonReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#skipSpace();
  }

  /** Of the value that comes next. */
  peek(): JsonKind {
    const letter = this.#text.charAt(this.#at);
    switch (letter) {
      case '{':
        return 'object';
      case '[':
        return 'array';
      case '"':
        return 'string';
      case 't':
      case 'f':
        return 'boolean';
      case 'n':
        return 'null';
      default:
        if (letter === '-' || (letter >= '0' && letter <= '9')) return 'number';
        throw this.#invalid();
    }
  }

  /** `onMember` is called at each member's value and has to read it. A key may come twice: whoever reads it decides. */
  readObject(onMember: (key: string) => void): void {
    this.#readList('{', '}', () => {
      const key = this.readString();
      if (this.#text.charAt(this.#at) !== ':') throw this.#invalid();
      this.#at += 1;
      this.#skipSpace();
      onMember(key);
    });
  }

  /** `onItem` is called at each item and has to read it. */
  readArray(onItem: () => void): void {
    this.#readList('[', ']', onItem);
  }

  readString(): string {
    if (this.#text.charAt(this.#at) !== '"') throw this.#invalid();
    this.#at += 1;
    let value = '';
    for (;;) {
      const start = this.#at;
      endOfPlainText.lastIndex = start;
      const end = endOfPlainText.test(this.#text) ? endOfPlainText.lastIndex - 1 : this.#text.length;
      value += this.#text.slice(start, end);
      this.#at = end + 1;
      const letter = this.#text.charAt(end);
      if (letter === '"') break;
      if (letter !== '\\') throw this.#invalid(end);
      value += this.#readEscape();
    }
    this.#skipSpace();
    return value;
  }

  readBoolean(): boolean {
    const value = this.#text.charAt(this.#at) === 't';
    this.#readWord(value ? 'true' : 'false');
    return value;
  }

  readNull(): void {
    this.#readWord('null');
  }

  /** As it was written. */
  readNumber(): string {
    numberShape.lastIndex = this.#at;
    const value = numberShape.exec(this.#text)?.[0];
    if (value === undefined) throw this.#invalid();
    this.#at += value.length;
    this.#skipSpace();
    return value;
  }

  /** The text of the value that comes next, which is checked but not looked into. */
  readText(): string {
    const start = this.#at;
    this.#skipValue();
    return this.#text.slice(start, this.#at).trimEnd();
  }

  /** Nothing but space may be left. */
  readEnd(): void {
    if (this.#at < this.#text.length) throw this.#invalid();
  }

  #skipValue(): void {
    switch (this.peek()) {
      case 'object':
        return this.readObject(() => this.#skipValue());
      case 'array':
        return this.readArray(() => this.#skipValue());
      case 'string':
        return void this.readString();
      case 'number':
        return void this.readNumber();
      case 'boolean':
        return void this.readBoolean();
      case 'null':
        return this.readNull();
    }
  }

  #readList(open: string, close: string, readItem: () => void): void {
    if (this.#text.charAt(this.#at) !== open) throw this.#invalid();
    if (this.#depth === maxDepth) throw invalidRequest(`the body nests deeper than ${maxDepth} levels`);
    this.#depth += 1;
    this.#at += 1;
    this.#skipSpace();
    if (this.#text.charAt(this.#at) !== close) {
      for (;;) {
        readItem();
        if (this.#text.charAt(this.#at) !== ',') break;
        this.#at += 1;
        this.#skipSpace();
      }
    }
    if (this.#text.charAt(this.#at) !== close) throw this.#invalid();
    this.#depth -= 1;
    this.#at += 1;
    this.#skipSpace();
  }

  #readEscape(): string {
    const letter = this.#text.charAt(this.#at);
    if (letter !== 'u') {
      const value = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined;
      if (value === undefined) throw this.#invalid();
      this.#at += 1;
      return value;
    }
    const unit = this.#readCodeUnit();
    if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit);
    // Half a character would become U+FFFD on the way to Postgres: another value than the client sent.
    const second = unit < 0xdc00 && this.#text.startsWith('\\u', this.#at) ? this.#readLowSurrogate() : undefined;
    if (second === undefined) throw this.#invalid();
    return String.fromCharCode(unit, second);
  }

  #readLowSurrogate(): number | undefined {
    this.#at += 1;
    const unit = this.#readCodeUnit();
    return unit >= 0xdc00 && unit <= 0xdfff ? unit : undefined;
  }

  /** At the `u`. */
  #readCodeUnit(): number {
    const digits = this.#text.slice(this.#at + 1, this.#at + 5);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#invalid();
    this.#at += 5;
    return Number.parseInt(digits, 16);
  }

  #readWord(word: string): void {
    if (!this.#text.startsWith(word, this.#at)) throw this.#invalid();
    this.#at += word.length;
    this.#skipSpace();
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #invalid(at = this.#at): Error {
    return invalidRequest(`the body is no valid JSON at character ${Math.min(at, this.#text.length) + 1}`);
  }
}
