// The answer to a request line by line (NDJSON), each as soon as it is there, so that a result of any size goes through
// in little memory:
//
//   {"fields": [...], "rowAsArray": true}          once per statement, also without columns
//   {"row": [...]}
//   {"command": "SELECT", "rowCount": 2}
//   {"end": "ok"}  or  {"end": "error", "error": {...}}
//
// Only the last line says whether it all happened: a batch may still fail at its end, and an answer without that line
// was cut off.

import type { ResultSink } from './answer.js';
import { appendCommand } from './command-tag.js';
import { JsonBytes, ascii } from './json-bytes.js';
import { type OutputModes, driverModes } from './request-headers.js';
import { shapeOf } from './result-shape.js';
import type { RowWriter } from './row-writer.js';

/** As many bytes are gathered before they are sent. */
const chunkSize = 32 * 1024;

const text = {
  fields: ascii('{"fields":'),
  arrays: ascii(',"rowAsArray":true}\n'),
  objects: ascii(',"rowAsArray":false}\n'),
  row: ascii('{"row":'),
  command: ascii('{'),
  endOfLine: ascii('}\n'),
  ok: ascii('{"end":"ok"}\n'),
  error: ascii('{"end":"error","error":'),
};

export class LineAnswer implements ResultSink {
  readonly #out = new JsonBytes(2 * chunkSize);
  readonly #modes: readonly OutputModes[];
  readonly #send: (chunk: Uint8Array) => boolean;
  #writeRow: RowWriter | undefined;
  /** Up to here there are whole lines. */
  #wholeLines = 0;
  #statement = 0;

  /** `modes`: of each statement, in order. `send` gives false when it wants no more for now; what it is given is its own. */
  constructor(modes: readonly OutputModes[], send: (chunk: Uint8Array) => boolean) {
    this.#modes = modes;
    this.#send = send;
  }

  onRowDescription(body: Uint8Array): void {
    const { fields, writeRow } = shapeOf(body, this.#mode);
    this.#writeRow = writeRow;
    this.#out.append(text.fields);
    this.#out.append(fields);
    this.#out.append(this.#mode.arrayMode ? text.arrays : text.objects);
    this.#wholeLines = this.#out.length;
  }

  onDataRow(body: Uint8Array): boolean {
    this.#out.append(text.row);
    this.#writeRow?.(this.#out, body);
    this.#out.append(text.endOfLine);
    this.#wholeLines = this.#out.length;
    return this.#out.length < chunkSize || this.#send(this.#take());
  }

  onCommandComplete(body: Uint8Array): void {
    if (this.#writeRow === undefined) this.onRowDescription(noColumns);
    this.#out.append(text.command);
    appendCommand(this.#out, body);
    this.#out.append(text.endOfLine);
    this.#statement += 1;
    this.#writeRow = undefined;
    this.#wholeLines = this.#out.length;
  }

  /** The last chunk. */
  finish(): Uint8Array {
    this.#out.append(text.ok);
    return this.#take();
  }

  /** The last chunk of an answer whose beginning has been sent. `body` as renderErrorBody gives it. */
  fail(body: Uint8Array): Uint8Array {
    this.#out.truncate(this.#wholeLines);
    this.#out.append(text.error);
    this.#out.append(body);
    this.#out.append(text.endOfLine);
    return this.#take();
  }

  get #mode(): OutputModes {
    return this.#modes[this.#statement] ?? driverModes;
  }

  #take(): Uint8Array {
    this.#wholeLines = 0;
    return this.#out.take();
  }
}

const noColumns = Uint8Array.of(0, 0);
