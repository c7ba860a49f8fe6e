// The answer to a request as one JSON text:
//
//   {"fields": [...], "rows": [...], "command": "SELECT", "rowCount": 1, "rowAsArray": true}     and for a batch
//   {"results": [<the same for each query>, ...]}
//
// It is kept whole until all is well: a statement that fails later makes an error of it all.

import { GatewayError } from '@pgwake/gateway-errors';
import { appendFields, parseRowDescription } from './column.js';
import { appendCommand } from './command-tag.js';
import { JsonBytes, ascii } from './json-bytes.js';
import type { OutputModes } from './request-headers.js';
import { type RowWriter, createRowWriter } from './row-writer.js';

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
  readonly #limitBytes: number;
  readonly #isBatch: boolean;
  #statements = 0;
  #modes: OutputModes = { rawText: true, arrayMode: true };
  #writeRow: RowWriter | undefined;
  #rows = 0;

  /** Its methods throw RESULT_TOO_LARGE when the answer would be longer than `limitBytes`. */
  constructor(kind: 'single' | 'batch', limitBytes: number) {
    this.#limitBytes = limitBytes;
    this.#isBatch = kind === 'batch';
    if (this.#isBatch) this.#out.append(text.results);
  }

  /** Statements come one after the other, each to its end. */
  nextStatement(modes: OutputModes): ResultSink {
    if (this.#statements > 0) this.#out.appendByte(text.comma);
    this.#statements += 1;
    this.#modes = modes;
    this.#writeRow = undefined;
    this.#rows = 0;
    return this;
  }

  onRowDescription(body: Uint8Array): void {
    const columns = parseRowDescription(body);
    this.#writeRow = createRowWriter(columns, this.#modes);
    this.#out.append(text.fields);
    appendFields(this.#out, columns);
    this.#out.append(text.rows);
    this.#checkSize(0);
  }

  onDataRow(body: Uint8Array): boolean {
    // Before it is copied: a single row may be a thousand times the limit.
    this.#checkSize(body.length);
    if (this.#rows > 0) this.#out.appendByte(text.comma);
    this.#rows += 1;
    this.#writeRow?.(this.#out, body);
    this.#checkSize(0);
    return true;
  }

  onCommandComplete(body: Uint8Array): void {
    if (this.#writeRow === undefined) this.#out.append(text.noFields);
    this.#out.append(text.endOfRows);
    appendCommand(this.#out, body);
    this.#out.append(this.#modes.arrayMode ? text.rowAsArray : text.rowAsObject);
    this.#checkSize(0);
  }

  /** The whole answer. To be called once. */
  finish(): Uint8Array {
    if (this.#isBatch) this.#out.append(text.endOfResults);
    return this.#out.take();
  }

  #checkSize(more: number): void {
    if (this.#out.length + more <= this.#limitBytes) return;
    throw new GatewayError('RESULT_TOO_LARGE', { params: { limit: String(this.#limitBytes) } });
  }
}
