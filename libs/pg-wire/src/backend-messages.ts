// What a server says during a login and for a simple query: each message is written and read here, side by side.

import {
  BodyCursor,
  cString,
  concatBytes,
  decodeUtf8,
  decodeUtf8Leniently,
  encodeUtf8,
  int16,
  int32,
} from './bytes.js';
import { encodeMessage } from './encode-message.js';
import { type Decoded, decoded, violation } from './parsed.js';
import { backendTag } from './tags.js';

export type Authentication =
  | { readonly kind: 'ok' }
  | { readonly kind: 'cleartextPassword' }
  | { readonly kind: 'sasl'; readonly mechanisms: readonly string[] }
  | { readonly kind: 'saslContinue'; readonly data: Uint8Array }
  | { readonly kind: 'saslFinal'; readonly data: Uint8Array }
  /** MD5, GSSAPI, SSPI and whatever may come: nothing here can answer them. */
  | { readonly kind: 'other'; readonly method: number };

const authenticationMethod = { ok: 0, cleartextPassword: 3, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;

export function encodeAuthenticationOk(): Uint8Array {
  return encodeMessage(backendTag.authentication, int32(authenticationMethod.ok));
}

export function encodeAuthenticationCleartextPassword(): Uint8Array {
  return encodeMessage(backendTag.authentication, int32(authenticationMethod.cleartextPassword));
}

export function encodeAuthenticationSasl(mechanisms: readonly string[]): Uint8Array {
  return encodeMessage(
    backendTag.authentication,
    int32(authenticationMethod.sasl),
    ...mechanisms.map(cString),
    Uint8Array.of(0),
  );
}

export function encodeAuthenticationSaslContinue(data: Uint8Array): Uint8Array {
  return encodeMessage(backendTag.authentication, int32(authenticationMethod.saslContinue), data);
}

export function encodeAuthenticationSaslFinal(data: Uint8Array): Uint8Array {
  return encodeMessage(backendTag.authentication, int32(authenticationMethod.saslFinal), data);
}

export function parseAuthentication(body: Uint8Array): Decoded<Authentication> {
  const malformed = violation('malformed authentication request');
  const cursor = new BodyCursor(body);
  const method = cursor.takeUint32();
  switch (method) {
    case undefined:
      return malformed;
    case authenticationMethod.ok:
      return cursor.atEnd ? decoded({ kind: 'ok' }) : malformed;
    case authenticationMethod.cleartextPassword:
      return cursor.atEnd ? decoded({ kind: 'cleartextPassword' }) : malformed;
    case authenticationMethod.sasl: {
      const mechanisms: string[] = [];
      for (;;) {
        const bytes = cursor.takeCString();
        const name = bytes && decodeUtf8(bytes);
        if (name === undefined) return malformed;
        if (name === '') return cursor.atEnd ? decoded({ kind: 'sasl', mechanisms }) : malformed;
        mechanisms.push(name);
      }
    }
    case authenticationMethod.saslContinue:
      return decoded({ kind: 'saslContinue', data: cursor.takeRest() });
    case authenticationMethod.saslFinal:
      return decoded({ kind: 'saslFinal', data: cursor.takeRest() });
    default:
      return decoded({ kind: 'other', method });
  }
}

export interface ParameterStatus {
  readonly name: string;
  readonly value: string;
}

export function encodeParameterStatus({ name, value }: ParameterStatus): Uint8Array {
  return encodeMessage(backendTag.parameterStatus, cString(name), cString(value));
}

/** Whether this is the body of one: two Strings and nothing else. For whoever passes it on without reading it. */
export function isParameterStatus(body: Uint8Array): boolean {
  const nameEnd = body.indexOf(0);
  return nameEnd !== -1 && body.indexOf(0, nameEnd + 1) === body.length - 1;
}

/** Values come in the client's encoding, which need not be UTF-8: to pass one on, send the message as it came. */
export function parseParameterStatus(body: Uint8Array): Decoded<ParameterStatus> {
  const cursor = new BodyCursor(body);
  const name = cursor.takeCString();
  const value = cursor.takeCString();
  if (name === undefined || value === undefined || !cursor.atEnd) return violation('malformed parameter status');
  return decoded({ name: decodeUtf8Leniently(name), value: decodeUtf8Leniently(value) });
}

/** What a CancelRequest has to quote. The secret has 4 bytes up to protocol 3.0, 4 to 256 from 3.2 on. */
export interface BackendKey {
  readonly pid: number;
  readonly secret: Uint8Array;
}

export function encodeBackendKeyData({ pid, secret }: BackendKey): Uint8Array {
  return encodeMessage(backendTag.backendKeyData, int32(pid), secret);
}

export function parseBackendKeyData(body: Uint8Array): Decoded<BackendKey> {
  const cursor = new BodyCursor(body);
  const pid = cursor.takeUint32();
  const secret = cursor.takeRest();
  if (pid === undefined || secret.length < 4 || secret.length > 256) return violation('malformed backend key data');
  return decoded({ pid, secret });
}

export type TransactionStatus = 'idle' | 'inTransaction' | 'inFailedTransaction';

const statusLetters: Readonly<Record<TransactionStatus, string>> = {
  idle: 'I',
  inTransaction: 'T',
  inFailedTransaction: 'E',
};

const statusByLetter: ReadonlyMap<number, Decoded<TransactionStatus>> = new Map(
  (Object.keys(statusLetters) as TransactionStatus[]).map((status) => [
    statusLetters[status].charCodeAt(0),
    decoded(status),
  ]),
);

export function encodeReadyForQuery(status: TransactionStatus = 'idle'): Uint8Array {
  return encodeMessage(backendTag.readyForQuery, encodeUtf8(statusLetters[status]));
}

export function parseReadyForQuery(body: Uint8Array): Decoded<TransactionStatus> {
  return (body.length === 1 && statusByLetter.get(body[0] ?? 0)) || violation('malformed ready for query');
}

/**
 * Tells a client that asked for a newer 3.x, or for `_pq_.` options, what it gets instead. On the wire stands the
 * whole version number, as Postgres sends it and libpq expects it, not the minor alone as the manual says.
 */
export function encodeNegotiateProtocolVersion(minor: number, unsupportedOptions: readonly string[]): Uint8Array {
  return encodeMessage(
    backendTag.negotiateProtocolVersion,
    int32((3 << 16) | minor),
    int32(unsupportedOptions.length),
    ...unsupportedOptions.map(cString),
  );
}

/** Columns of type text, in text format. */
export function encodeRowDescription(columnNames: readonly string[]): Uint8Array {
  const textOid = 25;
  const fromNoTable = concatBytes(int32(0), int16(0));
  const typeOfUnknownLength = concatBytes(int32(textOid), int16(-1), int32(-1), int16(0));
  const columns = columnNames.flatMap((name) => [cString(name), fromNoTable, typeOfUnknownLength]);
  return encodeMessage(backendTag.rowDescription, int16(columnNames.length), ...columns);
}

export function encodeDataRow(values: readonly (string | null)[]): Uint8Array {
  const columns = values.flatMap((value) => {
    if (value === null) return [int32(-1)];
    const bytes = encodeUtf8(value);
    return [int32(bytes.length), bytes];
  });
  return encodeMessage(backendTag.dataRow, int16(values.length), ...columns);
}

/** The column values as sent; NULL is null. */
export function parseDataRow(body: Uint8Array): Decoded<readonly (Uint8Array | null)[]> {
  const malformed = violation('malformed data row');
  const cursor = new BodyCursor(body);
  const count = cursor.takeUint16();
  if (count === undefined) return malformed;
  const values: (Uint8Array | null)[] = [];
  for (let column = 0; column < count; column += 1) {
    const length = cursor.takeUint32();
    if (length === undefined) return malformed;
    const value = length === 0xffff_ffff ? null : cursor.takeBytes(length);
    if (value === undefined) return malformed;
    values.push(value);
  }
  return cursor.atEnd ? decoded(values) : malformed;
}

/** `commandTag` as in `SELECT 1`. */
export function encodeCommandComplete(commandTag: string): Uint8Array {
  return encodeMessage(backendTag.commandComplete, cString(commandTag));
}
