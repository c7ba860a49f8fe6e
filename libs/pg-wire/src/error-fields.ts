// ErrorResponse and NoticeResponse, which share one body:
// https://www.postgresql.org/docs/current/protocol-error-fields.html

import { BodyCursor, cString, decodeUtf8Leniently, encodeUtf8 } from './bytes.js';
import { encodeMessage } from './encode-message.js';
import { type Decoded, decoded, violation } from './parsed.js';
import { backendTag } from './tags.js';

/** What pgwake itself ever writes into an error or a notice. */
export interface ErrorTexts {
  readonly severity: string;
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** An error or a notice as a server sent it. */
export interface ErrorFields extends ErrorTexts {
  /** Every field by its letter: position, schema, table, source line and whatever the manual may add. */
  readonly fields: ReadonlyMap<string, string>;
  /** The body as sent, for passing it on unchanged: the texts above may have lost bytes that are not UTF-8. */
  readonly body: Uint8Array;
}

export function encodeErrorResponse(texts: ErrorTexts): Uint8Array {
  return encodeMessage(backendTag.errorResponse, ...encodeTexts(texts));
}

export function encodeNoticeResponse(texts: ErrorTexts): Uint8Array {
  return encodeMessage(backendTag.noticeResponse, ...encodeTexts(texts));
}

function encodeTexts({ severity, code, message, detail, hint }: ErrorTexts): Uint8Array[] {
  // V is the severity that is never translated; S is the one that people read.
  const fields = { S: severity, V: severity, C: code, M: message, D: detail, H: hint };
  return [...Object.entries(fields).flatMap(([letter, text]) => encodeField(letter, text)), Uint8Array.of(0)];
}

function encodeField(letter: string, text: string | undefined): Uint8Array[] {
  if (text === undefined) return [];
  // Replaced, not refused as elsewhere: an error must always reach the client.
  return [encodeUtf8(letter), cString(text.replaceAll('\0', '\ufffd'))];
}

/** Severity (V where sent, else S), code and message are there in every answer but a violation. */
export function parseErrorFields(body: Uint8Array): Decoded<ErrorFields> {
  const malformed = violation('malformed error or notice');
  const fields = new Map<string, string>();
  const cursor = new BodyCursor(body);
  for (;;) {
    const letter = cursor.takeUint8();
    if (letter === undefined) return malformed;
    if (letter === 0) break;
    const text = cursor.takeCString();
    if (text === undefined) return malformed;
    fields.set(String.fromCharCode(letter), decodeUtf8Leniently(text));
  }
  const severity = fields.get('V') ?? fields.get('S');
  const code = fields.get('C');
  const message = fields.get('M');
  if (!cursor.atEnd || severity === undefined || code === undefined || message === undefined) return malformed;
  const detail = fields.get('D');
  const hint = fields.get('H');
  return decoded({
    severity,
    code,
    message,
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
    fields,
    body,
  });
}
