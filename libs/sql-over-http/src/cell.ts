// A value as JSON for clients that did not ask for raw text: what JSON has a form for gets it, everything else stays the
// text that Postgres wrote. int8 and numeric stay text too: most readers of JSON would take them for doubles.

import { type JsonBytes, ascii } from './json-bytes.js';

/** Appends the value that Postgres wrote as `source[from, to)`. */
export type CellWriter = (out: JsonBytes, source: Uint8Array, from: number, to: number) => void;

export const writeText: CellWriter = (out, source, from, to) => out.appendString(source, from, to);

/** Of types that are no arrays; see src/include/catalog/pg_type.dat of Postgres for the numbers. */
const writers = new Map<number, CellWriter>([
  [16, writeBoolean], // bool
  [21, writeNumber], // int2
  [23, writeNumber], // int4
  [700, writeNumber], // float4
  [701, writeNumber], // float8
  [114, writeJson], // json
  [3802, writeJson], // jsonb
]);

/** What the elements of these arrays are; cell.int.spec.ts holds both to the catalog of a real Postgres. */
const elementTypes = new Map<number, number>([
  [1000, 16], // bool[]
  [1005, 21], // int2[]
  [1007, 23], // int4[]
  [1021, 700], // float4[]
  [1022, 701], // float8[]
  [199, 114], // json[]
  [3807, 3802], // jsonb[]
]);

/** Of types whose elements stay text. Not box[], the only one whose elements are not separated by commas. */
const textArrays: ReadonlySet<number> = new Set([
  ...[143, 271, 629, 651, 719, 775, 791, 1001, 1002, 1003, 1006, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015],
  ...[1016, 1017, 1018, 1019, 1027, 1028, 1034, 1040, 1041, 1115, 1182, 1183, 1185, 1187, 1231, 1263, 1270, 1561],
  ...[1563, 2201, 2207, 2208, 2209, 2210, 2211, 2949, 2951, 3221, 3643, 3644, 3645, 3735, 3770, 3905, 3907, 3909],
  ...[3911, 3913, 3927, 4073, 4090, 4097, 4192, 5039],
]);

export function chooseCellWriter(typeId: number, rawText: boolean): CellWriter {
  if (rawText) return writeText;
  const elementType = elementTypes.get(typeId);
  if (elementType !== undefined) return arrayWriter(writers.get(elementType) ?? writeText);
  return textArrays.has(typeId) ? arrayWriter(writeText) : (writers.get(typeId) ?? writeText);
}

function arrayWriter(writeElement: CellWriter): CellWriter {
  return (out, source, from, to) => {
    const start = out.length;
    if (writeArray(out, source, from, to, writeElement)) return;
    out.truncate(start);
    out.appendString(source, from, to);
  };
}

const true_ = ascii('true');
const false_ = ascii('false');

function writeBoolean(out: JsonBytes, source: Uint8Array, from: number, to: number): void {
  if (to - from !== 1) return out.appendString(source, from, to);
  out.append(source[from] === 0x74 ? true_ : false_);
}

/** NaN, Infinity and -Infinity have no form in JSON. */
function writeNumber(out: JsonBytes, source: Uint8Array, from: number, to: number): void {
  const last = source[to - 1] ?? 0;
  if (last >= 0x30 && last <= 0x39) out.append(source, from, to);
  else out.appendString(source, from, to);
}

/** In a valid JSON text control characters stand between values only; a line of the line format must not end there. */
function writeJson(out: JsonBytes, source: Uint8Array, from: number, to: number): void {
  let copied = from;
  for (let index = from; index < to; index += 1) {
    if ((source[index] ?? 0) >= 0x20) continue;
    out.append(source, copied, index);
    out.appendByte(0x20);
    copied = index + 1;
  }
  out.append(source, copied, to);
}

const comma = 0x2c;
const quoteMark = 0x22;
const backslash = 0x5c;
const opening = 0x7b;
const closing = 0x7d;

/**
 * `{1,NULL,"a\"b",{2}}` as `[1,null,"a\"b",[2]]`, dimensions (`[0:1]=`) dropped. False when it is no array literal; then
 * what was appended is to be taken back. Nothing here recurses, however deep a compute nests.
 */
function writeArray(out: JsonBytes, source: Uint8Array, from: number, to: number, writeElement: CellWriter): boolean {
  let at = from;
  if (source[at] === 0x5b) {
    at = source.indexOf(0x3d, at) + 1;
    if (at === 0 || at >= to) return false;
  }
  let depth = 0;
  while (at < to) {
    const byte = source[at] ?? 0;
    if (byte === opening) {
      depth += 1;
      out.appendByte(0x5b);
      at += 1;
    } else if (depth === 0) {
      return false;
    } else if (byte === closing) {
      depth -= 1;
      out.appendByte(0x5d);
      at += 1;
      if (depth === 0) return at === to;
    } else if (byte === comma) {
      out.appendByte(comma);
      at += 1;
    } else if (byte === quoteMark) {
      const end = writeQuoted(out, source, at + 1, to, writeElement);
      if (end === undefined) return false;
      at = end;
    } else {
      const start = at;
      while (at < to && source[at] !== comma && source[at] !== closing) at += 1;
      if (isNull(source, start, at)) out.appendNull();
      else writeElement(out, source, start, at);
    }
  }
  return false;
}

/** An element in quotes, from behind the first one; gives where it ends. */
function writeQuoted(
  out: JsonBytes,
  source: Uint8Array,
  from: number,
  to: number,
  writeElement: CellWriter,
): number | undefined {
  let escapes = 0;
  for (let at = from; at < to; at += 1) {
    if (source[at] === quoteMark) {
      if (escapes === 0) writeElement(out, source, from, at);
      else writeUnescaped(out, source, from, at - from - escapes, writeElement);
      return at + 1;
    }
    if (source[at] === backslash) {
      at += 1;
      escapes += 1;
    }
  }
  return undefined;
}

function writeUnescaped(
  out: JsonBytes,
  source: Uint8Array,
  from: number,
  length: number,
  writeElement: CellWriter,
): void {
  const plain = new Uint8Array(length);
  let next = from;
  for (let index = 0; index < length; index += 1) {
    if (source[next] === backslash) next += 1;
    plain[index] = source[next] ?? 0;
    next += 1;
  }
  writeElement(out, plain, 0, length);
}

/** Postgres quotes a text that reads NULL. */
function isNull(source: Uint8Array, from: number, to: number): boolean {
  return to - from === 4 && source[from] === 0x4e && source[from + 1] === 0x55 && source[from + 2] === 0x4c;
}
