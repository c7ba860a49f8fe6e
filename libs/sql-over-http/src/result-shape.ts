// What follows from a RowDescription: the `fields` of an answer, and how its rows are written. A client asks for the same
// columns again and again, so what was made of a description is found by its bytes. Nothing of a row is kept.

import { appendFields, parseRowDescription } from './column.js';
import { JsonBytes } from './json-bytes.js';
import type { OutputModes } from './request-headers.js';
import { type RowWriter, createRowWriter } from './row-writer.js';

export interface ResultShape {
  /** The JSON list of the columns. */
  readonly fields: Uint8Array;
  readonly writeRow: RowWriter;
}

interface KnownShape extends ResultShape {
  readonly description: Uint8Array;
  readonly modes: OutputModes;
}

/** A longer description is rare, and reading it again costs little beside its rows. */
const longestKnownBytes = 2_048;
const maxKnown = 512;
/** By a hash of the description. Of two with the same the later one stays. */
const known = new Map<number, KnownShape>();

/** Throws when the message is malformed. */
export function shapeOf(description: Uint8Array, modes: OutputModes): ResultShape {
  if (description.length > longestKnownBytes) return createShape(description, modes);
  const hash = hashOf(description);
  const found = known.get(hash);
  if (found !== undefined && isOf(found, description, modes)) return found;
  const shape = { ...createShape(description, modes), description: Uint8Array.from(description), modes };
  if (known.size >= maxKnown) known.clear();
  known.set(hash, shape);
  return shape;
}

function createShape(description: Uint8Array, modes: OutputModes): ResultShape {
  const columns = parseRowDescription(description);
  const out = new JsonBytes(256);
  appendFields(out, columns);
  return { fields: out.take(), writeRow: createRowWriter(columns, modes) };
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < bytes.length; at += 1) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  return hash;
}

function isOf({ description, modes }: KnownShape, other: Uint8Array, { rawText, arrayMode }: OutputModes): boolean {
  if (description.length !== other.length || modes.rawText !== rawText || modes.arrayMode !== arrayMode) return false;
  for (let at = 0; at < other.length; at += 1) if (description[at] !== other[at]) return false;
  return true;
}
