// The body of a request:
//
//   {"query": "select $1::int", "params": [1], "arrayMode": true}
//   {"queries": [{"query": "...", "params": []}, ...]}
//
// Other members are ignored; the same member twice is refused, as two readers could take different ones.

import { invalidRequest } from './invalid-request.js';
import { JsonReader } from './json-reader.js';
import { readParameter } from './parameter.js';

export interface RequestStatement {
  readonly text: string;
  /** In text format; their types are Postgres' to infer. */
  readonly params: readonly (string | null)[];
  /** Overrides the header of the request. */
  readonly arrayMode?: boolean;
}

export type RequestBody =
  | { readonly kind: 'single'; readonly statement: RequestStatement }
  | { readonly kind: 'batch'; readonly statements: readonly RequestStatement[] };

/** What a Bind message can count. */
const maxParams = 65_535;
const maxStatements = 10_000;

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Throws a GatewayError (REQUEST_INVALID). */
export function parseRequestBody(bytes: Uint8Array): RequestBody {
  const reader = new JsonReader(decode(bytes));
  const body = readBody(reader);
  reader.readEnd();
  return body;
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw invalidRequest('the body is not UTF-8');
  }
}

function readBody(reader: JsonReader): RequestBody {
  let statements: RequestStatement[] | undefined;
  const statement = readStatement(reader, (key) => {
    if (key !== 'queries') return false;
    if (statements !== undefined) throw twice(key);
    statements = readStatements(reader);
    return true;
  });
  if (statements === undefined && statement !== undefined) return { kind: 'single', statement };
  if (statements !== undefined && statement === undefined) return { kind: 'batch', statements };
  throw invalidRequest('the body has to have either "query" or "queries"');
}

function readStatements(reader: JsonReader): RequestStatement[] {
  expectKind(reader, 'array', '"queries" has to be a list');
  const statements: RequestStatement[] = [];
  reader.readArray(() => {
    if (statements.length === maxStatements) throw invalidRequest(`a batch has more than ${maxStatements} queries`);
    const statement = readStatement(reader, () => false);
    if (statement === undefined) throw invalidRequest('one of "queries" has no "query"');
    statements.push(statement);
  });
  return statements;
}

/** `undefined` when there is no `query`. `readOther` may take members that are none of a statement's. */
function readStatement(reader: JsonReader, readOther: (key: string) => boolean): RequestStatement | undefined {
  expectKind(reader, 'object', 'a query has to be an object');
  let text: string | undefined;
  let params: (string | null)[] | undefined;
  let arrayMode: boolean | undefined;
  reader.readObject((key) => {
    switch (key) {
      case 'query':
        if (text !== undefined) throw twice(key);
        text = readQuery(reader);
        return;
      case 'params':
        if (params !== undefined) throw twice(key);
        params = readParams(reader);
        return;
      case 'arrayMode':
        if (arrayMode !== undefined) throw twice(key);
        expectKind(reader, 'boolean', '"arrayMode" has to be true or false');
        arrayMode = reader.readBoolean();
        return;
      default:
        if (!readOther(key)) reader.readText();
    }
  });
  if (text === undefined) return undefined;
  return { text, params: params ?? [], ...(arrayMode === undefined ? {} : { arrayMode }) };
}

function readQuery(reader: JsonReader): string {
  expectKind(reader, 'string', '"query" has to be a text');
  const text = reader.readString();
  // It ends the text for Postgres, which would run its beginning.
  if (text.includes('\0')) throw invalidRequest('"query" holds a NUL');
  return text;
}

function readParams(reader: JsonReader): (string | null)[] {
  expectKind(reader, 'array', '"params" has to be a list');
  const params: (string | null)[] = [];
  reader.readArray(() => {
    if (params.length === maxParams) throw invalidRequest(`a query has more than ${maxParams} parameters`);
    params.push(readParameter(reader));
  });
  return params;
}

function expectKind(reader: JsonReader, kind: ReturnType<JsonReader['peek']>, what: string): void {
  if (reader.peek() !== kind) throw invalidRequest(what);
}

function twice(key: string): Error {
  return invalidRequest(`"${key}" comes twice`);
}
