// The columns of a result: RowDescription, message of the backend
// (https://www.postgresql.org/docs/current/protocol-message-formats.html), as the answer's `fields`.

import { type JsonBytes, ascii } from './json-bytes.js';
import { malformedResult } from './malformed-result.js';

/** Bytes point into the message: copy what has to outlive it. */
export interface Column {
  readonly name: Uint8Array;
  readonly tableId: number;
  /** The column's number in its table, 0 if it is none's. */
  readonly columnId: number;
  readonly typeId: number;
  /** Negative: of variable size. */
  readonly typeSize: number;
  readonly typeModifier: number;
}

/** Throws when the message is malformed. */
export function parseRowDescription(body: Uint8Array): Column[] {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const columns: Column[] = [];
  if (body.length < 2) throw malformedResult('row description');
  const count = view.getInt16(0);
  let at = 2;
  for (let index = 0; index < count; index += 1) {
    const end = body.indexOf(0, at);
    if (end === -1 || end + 19 > body.length) throw malformedResult('row description');
    columns.push({
      name: body.subarray(at, end),
      tableId: view.getUint32(end + 1),
      columnId: view.getInt16(end + 5),
      typeId: view.getUint32(end + 7),
      typeSize: view.getInt16(end + 11),
      typeModifier: view.getInt32(end + 13),
    });
    at = end + 19;
  }
  return columns;
}

const keys = {
  name: ascii('{"name":'),
  typeId: ascii(',"dataTypeID":'),
  tableId: ascii(',"tableID":'),
  columnId: ascii(',"columnID":'),
  typeSize: ascii(',"dataTypeSize":'),
  typeModifier: ascii(',"dataTypeModifier":'),
  format: ascii(',"format":"text"}'),
};

/** Exactly these seven members: the driver's users compare them. */
export function appendFields(out: JsonBytes, columns: readonly Column[]): void {
  out.appendByte(0x5b);
  columns.forEach((column, index) => {
    if (index > 0) out.appendByte(0x2c);
    out.append(keys.name);
    out.appendString(column.name);
    out.append(keys.typeId);
    out.appendInteger(column.typeId);
    out.append(keys.tableId);
    out.appendInteger(column.tableId);
    out.append(keys.columnId);
    out.appendInteger(column.columnId);
    out.append(keys.typeSize);
    out.appendInteger(column.typeSize);
    out.append(keys.typeModifier);
    out.appendInteger(column.typeModifier);
    out.append(keys.format);
  });
  out.appendByte(0x5d);
}
