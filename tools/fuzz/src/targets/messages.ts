// The messages of a login, each read from a body of any bytes. Where there is a writer beside the reader, what was read is
// written again and must be the same bytes.

import {
  type Decoded,
  encodeAuthenticationSasl,
  encodeBackendKeyData,
  encodePasswordMessage,
  encodeReadyForQuery,
  encodeSaslInitialResponse,
  parseAuthentication,
  parseBackendKeyData,
  parseDataRow,
  parseErrorFields,
  parseParameterStatus,
  parsePasswordMessage,
  parseReadyForQuery,
  parseSaslInitialResponse,
} from '@pgwake/pg-wire';
import { type FuzzTarget, demand, latin1 } from '../target.ts';

const headerBytes = 5;

/** Reads a body and gives the message written again, `undefined` where nothing writes it. */
type Reader = (body: Uint8Array) => Decoded<Uint8Array | undefined>;

function reader<T>(parse: (body: Uint8Array) => Decoded<T>, encode?: (value: T) => Uint8Array | undefined): Reader {
  return (body) => {
    const parsed = parse(body);
    return parsed.kind === 'violation' ? parsed : { kind: 'value', value: encode?.(parsed.value) };
  };
}

const readers: readonly (readonly [name: string, read: Reader])[] = [
  [
    'authentication',
    reader(parseAuthentication, (request) =>
      request.kind === 'sasl' ? encodeAuthenticationSasl(request.mechanisms) : undefined,
    ),
  ],
  ['backend key', reader(parseBackendKeyData, encodeBackendKeyData)],
  ['data row', reader(parseDataRow)],
  ['error', reader(parseErrorFields)],
  ['parameter status', reader(parseParameterStatus)],
  ['password', reader(parsePasswordMessage, encodePasswordMessage)],
  ['ready for query', reader(parseReadyForQuery, encodeReadyForQuery)],
  ['SASL initial response', reader(parseSaslInitialResponse, encodeSaslInitialResponse)],
];

/** The first byte chooses the reader. */
function run(input: Uint8Array): string {
  const [name, read] = readers[(input[0] ?? 0) % readers.length] ?? [];
  if (name === undefined || read === undefined) throw new Error('there is no reader');
  const body = input.subarray(1);
  const result = read(body);
  if (result.kind === 'value' && result.value !== undefined) {
    const again = Buffer.from(result.value.subarray(headerBytes));
    demand(again.equals(body), `${name}: written again it is ${again.toString('hex')}`);
  }
  return `${name}: ${result.kind}`;
}

const bodies: readonly string[] = [
  '\0\0\0\x0aSCRAM-SHA-256\0\0',
  '\0\0\x12\x34abcd',
  '\0\x02\0\0\0\x01a\xff\xff\xff\xff',
  'SFATAL\0VFATAL\0C28000\0Mno\0Dx\0Hy\0\0',
  'server_version\x0018.4\0',
  'correct horse\0',
  'I',
  'SCRAM-SHA-256\0\0\0\0\x05n,,n=',
];

export const messagesTarget: FuzzTarget = {
  name: 'messages',
  project: 'pg-wire',
  share: 15,
  seeds: bodies.map((body, index) => Buffer.concat([Buffer.of(index), latin1(body)])),
  words: ['SCRAM-SHA-256\0', '\0\0\0\0', '\0\0\0\x0b', '\0\0\0\x0c', 'C28000\0', '\xff\xff\xff\xff'].map(latin1),
  run,
  mustReach: readers.flatMap(([name]) => [`${name}: value`, `${name}: violation`]),
};
