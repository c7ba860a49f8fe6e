// One statement's rows as JSON. DataRow bodies come as views that are valid during the call only; what is wanted of them
// is copied into the answer there and then.

import { chooseCellWriter, type CellWriter } from './cell.js';
import type { Column } from './column.js';
import { JsonBytes, ascii } from './json-bytes.js';
import { malformedResult } from './malformed-result.js';
import type { OutputModes } from './request-headers.js';

export type RowWriter = (out: JsonBytes, body: Uint8Array) => void;

interface Cell {
  /** What stands before the value: in an object its key. */
  readonly lead: Uint8Array;
  readonly write: CellWriter;
}

const nothing = new Uint8Array(0);
const comma = ascii(',');
const nullLength = -1;

/** The writer throws for a row that is malformed or has not as many values as there are columns. */
export function createRowWriter(columns: readonly Column[], { rawText, arrayMode }: OutputModes): RowWriter {
  const [open, close] = arrayMode ? [0x5b, 0x5d] : [0x7b, 0x7d];
  const cells = columns.map((column, index): Cell => {
    const separator = index === 0 ? nothing : comma;
    const lead = arrayMode ? separator : objectKey(separator, column.name);
    return { lead, write: chooseCellWriter(column.typeId, rawText) };
  });

  return (out, body) => {
    if (body.length < 2 || readUint16(body, 0) !== cells.length) throw malformedResult('data row');
    out.appendByte(open);
    let at = 2;
    for (const { lead, write } of cells) {
      if (at + 4 > body.length) throw malformedResult('data row');
      const length = (readUint16(body, at) << 16) | readUint16(body, at + 2);
      at += 4;
      out.append(lead);
      if (length === nullLength) {
        out.appendNull();
        continue;
      }
      if (length < 0 || length > body.length - at) throw malformedResult('data row');
      write(out, body, at, at + length);
      at += length;
    }
    if (at !== body.length) throw malformedResult('data row');
    out.appendByte(close);
  };
}

function objectKey(separator: Uint8Array, name: Uint8Array): Uint8Array {
  const key = new JsonBytes(name.length + 4);
  key.append(separator);
  key.appendString(name);
  key.appendByte(0x3a);
  return key.take();
}

function readUint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
