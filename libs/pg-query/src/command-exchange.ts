// Commands of our own, in one write. They did what they are meant to if what comes back is, byte for byte, the only answer
// that says so; anything else, an error above all, makes all of them worthless.

import { backendTag, parseReadyForQuery } from '@pgwake/pg-wire';
import type { Exchange, Step } from './exchange.js';

export interface ExpectedAnswer {
  /** Of every message, but for those that may come at any time. */
  readonly bytes: Uint8Array;
  /** How many of them are a ReadyForQuery: as many end the answer, right or wrong. */
  readonly readies: number;
}

const headerBytes = 5;

export class CommandExchange implements Exchange {
  readonly ended: Promise<void>;
  /** The answer was the expected one. Counts once it has ended. */
  succeeded = false;
  readonly #expected: Uint8Array;
  #at = 0;
  #readiesLeft: number;
  #failed = false;
  #end: () => void = () => undefined;

  constructor({ bytes, readies }: ExpectedAnswer) {
    this.#expected = bytes;
    this.#readiesLeft = readies;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  takeWhole(chunk: Uint8Array): boolean {
    if (this.#at > 0 || this.#failed || chunk.length !== this.#expected.length || !isAt(this.#expected, 0, chunk))
      return false;
    this.succeeded = true;
    this.#end();
    return true;
  }

  take(tag: number, body: Uint8Array): Step {
    switch (tag) {
      case backendTag.parseComplete:
      case backendTag.bindComplete:
      case backendTag.rowDescription:
      case backendTag.dataRow:
      case backendTag.commandComplete:
      case backendTag.errorResponse:
        this.#compare(tag, body);
        return 'more';
      case backendTag.readyForQuery:
        if (parseReadyForQuery(body).kind === 'violation') return 'outOfTurn';
        this.#compare(tag, body);
        return this.#becomeReady();
      default:
        return 'outOfTurn';
    }
  }

  lose(): void {
    this.#end();
  }

  #becomeReady(): Step {
    this.#readiesLeft -= 1;
    if (this.#readiesLeft > 0) return 'more';
    this.succeeded = !this.#failed && this.#at === this.#expected.length;
    this.#end();
    return 'over';
  }

  /** The scanner has read the length: a body that is the same has the same one. */
  #compare(tag: number, body: Uint8Array): void {
    const start = this.#at + headerBytes;
    if (this.#expected[this.#at] !== tag || !isAt(this.#expected, start, body)) this.#failed = true;
    this.#at = start + body.length;
  }
}

function isAt(bytes: Uint8Array, start: number, part: Uint8Array): boolean {
  for (let at = 0; at < part.length; at += 1) if (bytes[start + at] !== part[at]) return false;
  return true;
}
