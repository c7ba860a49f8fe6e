// The answer to a request as one JSON text:
//
//   {"fields": [...], "rows": [...], "command": "SELECT", "rowCount": 1, "rowAsArray": true}     and for a batch
//   {"results": [<the same for each query>, ...]}
//
// It is kept whole until all is well: a statement that fails later makes an error of it all. Rows are written in the client's
// way straight from the messages of the protocol.

import { appendCommand } from './command-tag.js';
import { JsonBytes, ascii, reuse } from './json-bytes.js';
import { type OutputModes, driverModes } from './request-headers.js';
import { shapeOf } from './result-shape.js';
import type { RowWriter } from './row-writer.js';

/** Takes what a server says about one statement; bodies are views, valid during the call only. */
export interface ResultSink {
  /** Not called for a statement without columns. */
  onRowDescription(body: Uint8Array): void;
  /** False: no more rows for now, please. */
  onDataRow(body: Uint8Array): boolean;
  /** `body` is empty for an empty query. */
  onCommandComplete(body: Uint8Array): void;
}

const text = {
  results: ascii('{"results":['),
  endOfResults: ascii(']}'),
  fields: ascii('{"fields":'),
  noFields: ascii('{"fields":[],"rows":['),
  rows: ascii(',"rows":['),
  endOfRows: ascii('],'),
  rowAsArray: ascii(',"rowAsArray":true}'),
  rowAsObject: ascii(',"rowAsArray":false}'),
  comma: 0x2c,
};

export class Answer implements ResultSink {
  readonly #out = new JsonBytes();
  readonly #modes: readonly OutputModes[];
  readonly #limitBytes: number;
  readonly #onTooLarge: () => void;
  readonly #isBatch: boolean;
  #statement = 0;
  #writeRow: RowWriter | undefined;
  #rows = 0;
  #tooLarge = false;

  /**
   * `modes`: of each statement, in order. `onTooLarge` is called once, when the answer would be longer than `limitBytes`;
   * whatever comes then is dropped.
   */
  constructor(kind: 'single' | 'batch', modes: readonly OutputModes[], limitBytes: number, onTooLarge: () => void) {
    this.#modes = modes;
    this.#limitBytes = limitBytes;
    this.#onTooLarge = onTooLarge;
    this.#isBatch = kind === 'batch';
    if (this.#isBatch) this.#out.append(text.results);
  }

  onRowDescription(body: Uint8Array): void {
    const { fields, writeRow } = shapeOf(body, this.#mode);
    this.#writeRow = writeRow;
    if (!this.#hasRoom(body.length)) return;
    this.#out.append(text.fields);
    this.#out.append(fields);
    this.#out.append(text.rows);
  }

  onDataRow(body: Uint8Array): boolean {
    // Asked before it is copied: a single row may be a hundred times the limit.
    if (this.#writeRow === undefined || !this.#hasRoom(body.length)) return true;
    if (this.#rows > 0) this.#out.appendByte(text.comma);
    this.#rows += 1;
    this.#writeRow(this.#out, body);
    return true;
  }

  onCommandComplete(body: Uint8Array): void {
    if (!this.#hasRoom(body.length)) return;
    if (this.#writeRow === undefined) this.#out.append(text.noFields);
    this.#out.append(text.endOfRows);
    appendCommand(this.#out, body);
    this.#out.append(this.#mode.arrayMode ? text.rowAsArray : text.rowAsObject);
    this.#statement += 1;
    if (this.#statement < this.#modes.length) this.#out.appendByte(text.comma);
    this.#writeRow = undefined;
    this.#rows = 0;
  }

  /** The whole answer. To be called once, when every statement is done. */
  finish(): Uint8Array {
    if (this.#isBatch) this.#out.append(text.endOfResults);
    return this.#out.take();
  }

  /** Takes back what `finish` gave, for another answer. */
  reuse(text: Uint8Array): void {
    reuse(text);
  }

  get #mode(): OutputModes {
    return this.#modes[this.#statement] ?? driverModes;
  }

  #hasRoom(size: number): boolean {
    if (!this.#tooLarge && this.#out.length + size > this.#limitBytes) {
      this.#tooLarge = true;
      this.#out.take();
      this.#onTooLarge();
    }
    return !this.#tooLarge;
  }
}
