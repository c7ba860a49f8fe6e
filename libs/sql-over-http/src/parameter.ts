// A JSON value as the text of a parameter. The driver sends texts and nulls only; people who write requests by hand send
// numbers, lists and objects as well.

import type { JsonReader } from './json-reader.js';

/**
 * A text as it is, a number and an object as they were written, a list as the literal of a Postgres array
 * (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO).
 */
export function readParameter(reader: JsonReader): string | null {
  switch (reader.peek()) {
    case 'null':
      reader.readNull();
      return null;
    case 'string':
      return reader.readString();
    case 'array':
      return readArrayLiteral(reader);
    case 'number':
    case 'boolean':
    case 'object':
      return reader.readText();
  }
}

function readArrayLiteral(reader: JsonReader): string {
  const items: string[] = [];
  reader.readArray(() => items.push(readArrayItem(reader)));
  return `{${items.join(',')}}`;
}

function readArrayItem(reader: JsonReader): string {
  switch (reader.peek()) {
    case 'null':
      reader.readNull();
      return 'NULL';
    case 'array':
      return readArrayLiteral(reader);
    case 'string':
      return quote(reader.readString());
    case 'object':
      return quote(reader.readText());
    case 'number':
    case 'boolean':
      return reader.readText();
  }
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
