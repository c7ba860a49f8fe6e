import { type JsonBytes, ascii } from './json-bytes.js';

const command = ascii('"command":');
const rowCount = ascii(',"rowCount":');
const space = 0x20;

/**
 * `SELECT 3` as `"command":"SELECT","rowCount":3`: the first word, and the last one if it is a number (that of INSERT is
 * the third); else null. `body` is that of CommandComplete, or empty for an empty query.
 */
export function appendCommand(out: JsonBytes, body: Uint8Array): void {
  const end = body.indexOf(0);
  const tag = end === -1 ? body : body.subarray(0, end);
  const firstEnd = tag.indexOf(space);
  const lastStart = tag.lastIndexOf(space) + 1;
  out.append(command);
  out.appendString(tag, 0, firstEnd === -1 ? tag.length : firstEnd);
  out.append(rowCount);
  if (lastStart > 0 && isNumber(tag, lastStart)) out.append(tag, lastStart);
  else out.appendNull();
}

function isNumber(tag: Uint8Array, from: number): boolean {
  for (let at = from; at < tag.length; at += 1) {
    const byte = tag[at] ?? 0;
    if (byte < 0x30 || byte > 0x39) return false;
  }
  return from < tag.length;
}
