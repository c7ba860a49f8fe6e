import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type Decoded,
  backendTag,
  createMessageReader,
  encodeAuthenticationCleartextPassword,
  encodeAuthenticationOk,
  encodeAuthenticationSasl,
  encodeAuthenticationSaslContinue,
  encodeAuthenticationSaslFinal,
  encodeBackendKeyData,
  encodeCommandComplete,
  encodeDataRow,
  encodeErrorResponse,
  encodeNegotiateProtocolVersion,
  encodeNoticeResponse,
  encodeParameterStatus,
  encodePasswordMessage,
  encodeQuery,
  encodeReadyForQuery,
  encodeRowDescription,
  isParameterStatus,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeTerminate,
  frontendTag,
  parseAuthentication,
  parseBackendKeyData,
  parseDataRow,
  parseErrorFields,
  parseParameterStatus,
  parsePasswordMessage,
  parseReadyForQuery,
  parseSaslInitialResponse,
} from './index.js';

const text = fc.string({ unit: 'grapheme' }).map((raw) => raw.replaceAll('\0', ''));
const data = fc.uint8Array();
const latin1 = (raw: string): Uint8Array => Uint8Array.from(Buffer.from(raw, 'latin1'));

/** The body of the one message in `bytes`, after checking that it is one, with this tag. */
function bodyOf(bytes: Uint8Array, tag: number): Uint8Array {
  const reader = createMessageReader({ maxBodyBytes: 100_000 });
  reader.push(bytes);
  const message = reader.next();
  if (message?.kind !== 'message') throw new Error('no message');
  expect(message.tag).toBe(tag);
  expect(reader.rest()).toHaveLength(0);
  return message.body;
}

const written = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

describe('messages on the wire', () => {
  it.each([
    ['AuthenticationOk', encodeAuthenticationOk(), 'R\0\0\0\x08\0\0\0\0'],
    ['AuthenticationCleartextPassword', encodeAuthenticationCleartextPassword(), 'R\0\0\0\x08\0\0\0\x03'],
    ['AuthenticationSASL', encodeAuthenticationSasl(['SCRAM-SHA-256']), 'R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0'],
    ['AuthenticationSASLContinue', encodeAuthenticationSaslContinue(latin1('r=x')), 'R\0\0\0\x0b\0\0\0\x0br=x'],
    ['AuthenticationSASLFinal', encodeAuthenticationSaslFinal(latin1('v=x')), 'R\0\0\0\x0b\0\0\0\x0cv=x'],
    ['ParameterStatus', encodeParameterStatus({ name: 'a', value: 'b' }), 'S\0\0\0\x08a\0b\0'],
    ['BackendKeyData', encodeBackendKeyData({ pid: 258, secret: latin1('abcd') }), 'K\0\0\0\x0c\0\0\x01\x02abcd'],
    ['ReadyForQuery', encodeReadyForQuery(), 'Z\0\0\0\x05I'],
    [
      'ErrorResponse',
      encodeErrorResponse({ severity: 'FATAL', code: '28P01', message: 'no', hint: 'h' }),
      'E\0\0\0\x21SFATAL\0VFATAL\0C28P01\0Mno\0Hh\0\0',
    ],
    [
      'NoticeResponse',
      encodeNoticeResponse({ severity: 'NOTICE', code: '00000', message: 'n', detail: 'd' }),
      'N\0\0\0\x22SNOTICE\0VNOTICE\0C00000\0Mn\0Dd\0\0',
    ],
    [
      'NegotiateProtocolVersion',
      encodeNegotiateProtocolVersion(0, ['_pq_.x']),
      'v\0\0\0\x13\0\x03\0\0\0\0\0\x01_pq_.x\0',
    ],
    [
      'RowDescription',
      encodeRowDescription(['c']),
      'T\0\0\0\x1a\0\x01c\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0',
    ],
    ['DataRow', encodeDataRow(['v', null]), 'D\0\0\0\x0f\0\x02\0\0\0\x01v\xff\xff\xff\xff'],
    ['CommandComplete', encodeCommandComplete('SHOW'), 'C\0\0\0\x09SHOW\0'],
    [
      'SASLInitialResponse',
      encodeSaslInitialResponse({ mechanism: 'X', data: latin1('n') }),
      'p\0\0\0\x0bX\0\0\0\0\x01n',
    ],
    [
      'SASLInitialResponse without data',
      encodeSaslInitialResponse({ mechanism: 'X', data: undefined }),
      'p\0\0\0\x0aX\0\xff\xff\xff\xff',
    ],
    ['SASLResponse', encodeSaslResponse(latin1('c=')), 'p\0\0\0\x06c='],
    ['PasswordMessage', encodePasswordMessage('pw'), 'p\0\0\0\x07pw\0'],
    ['Query', encodeQuery('SHOW x'), 'Q\0\0\0\x0bSHOW x\0'],
    ['Terminate', encodeTerminate(), 'X\0\0\0\x04'],
  ])('%s', (_name, bytes, expected) => {
    expect(written(bytes)).toBe(expected);
  });
});

describe('what is written can be read', () => {
  it('Authentication', () => {
    const read = (bytes: Uint8Array) => parseAuthentication(bodyOf(bytes, backendTag.authentication));
    expect(read(encodeAuthenticationOk())).toMatchObject({ value: { kind: 'ok' } });
    expect(read(encodeAuthenticationCleartextPassword())).toMatchObject({ value: { kind: 'cleartextPassword' } });
    fc.assert(
      fc.property(fc.array(text.filter((name) => name !== '')), data, (mechanisms, bytes) => {
        expect(read(encodeAuthenticationSasl(mechanisms))).toMatchObject({ value: { kind: 'sasl', mechanisms } });
        const [challenge, final] = [encodeAuthenticationSaslContinue(bytes), encodeAuthenticationSaslFinal(bytes)];
        expect(read(challenge)).toMatchObject({ value: { kind: 'saslContinue', data: bytes } });
        expect(read(final)).toMatchObject({ value: { kind: 'saslFinal', data: bytes } });
      }),
    );
  });

  it('ParameterStatus, BackendKeyData, ReadyForQuery', () => {
    const secrets = fc.uint8Array({ minLength: 4, maxLength: 256 });
    fc.assert(
      fc.property(text, text, fc.nat({ max: 0xffff_ffff }), secrets, (name, value, pid, secret) => {
        const status = bodyOf(encodeParameterStatus({ name, value }), backendTag.parameterStatus);
        expect(parseParameterStatus(status)).toEqual({ kind: 'value', value: { name, value } });
        expect(isParameterStatus(status)).toBe(true);
        const key = bodyOf(encodeBackendKeyData({ pid, secret }), backendTag.backendKeyData);
        expect(parseBackendKeyData(key)).toEqual({ kind: 'value', value: { pid, secret } });
      }),
    );
    for (const status of ['idle', 'inTransaction', 'inFailedTransaction'] as const) {
      const body = bodyOf(encodeReadyForQuery(status), backendTag.readyForQuery);
      expect(parseReadyForQuery(body)).toEqual({ kind: 'value', value: status });
    }
  });

  it('DataRow', () => {
    fc.assert(
      fc.property(fc.array(fc.option(text)), (values) => {
        const body = bodyOf(encodeDataRow(values), backendTag.dataRow);
        const read = parseDataRow(body);
        const texts = read.kind === 'value' && read.value.map((value) => value && Buffer.from(value).toString('utf8'));
        expect(texts).toEqual(values);
      }),
    );
  });

  it('ErrorResponse and NoticeResponse', () => {
    const texts = fc.record(
      { severity: text, code: text, message: text, detail: text, hint: text },
      { requiredKeys: ['severity', 'code', 'message'] },
    );
    fc.assert(
      fc.property(texts, (fields) => {
        const body = bodyOf(encodeErrorResponse(fields), backendTag.errorResponse);
        expect(parseErrorFields(body)).toMatchObject({ kind: 'value', value: { ...fields, body } });
        expect(bodyOf(encodeNoticeResponse(fields), backendTag.noticeResponse)).toEqual(body);
      }),
    );
  });

  it('SASLInitialResponse and PasswordMessage', () => {
    fc.assert(
      fc.property(text, fc.option(data, { nil: undefined }), text, (mechanism, bytes, password) => {
        const initial = bodyOf(encodeSaslInitialResponse({ mechanism, data: bytes }), frontendTag.password);
        expect(parseSaslInitialResponse(initial)).toEqual({ kind: 'value', value: { mechanism, data: bytes } });
        const message = bodyOf(encodePasswordMessage(password), frontendTag.password);
        expect(parsePasswordMessage(message)).toEqual({ kind: 'value', value: password });
      }),
    );
  });
});

describe('parseErrorFields', () => {
  it('prefers the severity that is not translated and keeps every field', () => {
    const fields = 'SFEHLER\0VERROR\0C22023\0Mm\0Dd\0Hh\0P1\0p2\0qq\0Ww\0ss\0tt\0cc\0dd\0nn\0Ff\0L3\0Rr\0?new\0';
    const parsed = parseErrorFields(latin1(`${fields}\0`));
    expect(parsed).toMatchObject({ value: { severity: 'ERROR', code: '22023', message: 'm', detail: 'd', hint: 'h' } });
    const letters = parsed.kind === 'value' ? [...parsed.value.fields.keys()].join('') : '';
    expect(letters).toBe('SVCMDHPpqWstcdnFLR?');
  });

  it('reads a server too old to send V', () => {
    expect(parseErrorFields(latin1('SFATAL\0C57P03\0Mm\0\0'))).toMatchObject({ value: { severity: 'FATAL' } });
  });

  it('reads a message in another encoding, and keeps its bytes', () => {
    const body = latin1('SFATAL\0C3D000\0MDatenbank \xbbx\xab gibt es nicht\0\0');
    expect(parseErrorFields(body)).toMatchObject({ value: { code: '3D000', body } });
  });

  it('replaces a NUL in an error that is to be sent', () => {
    const body = bodyOf(
      encodeErrorResponse({ severity: 'FATAL', code: '08P01', message: 'a\0Mb' }),
      backendTag.errorResponse,
    );
    expect(parseErrorFields(body)).toMatchObject({ value: { message: 'a\ufffdMb' } });
  });
});

describe('malformed bodies are violations', () => {
  const cases: readonly (readonly [
    name: string,
    parse: (body: Uint8Array) => Decoded<unknown>,
    bodies: readonly string[],
  ])[] = [
    [
      'Authentication',
      parseAuthentication,
      [
        '',
        '\0\0\0',
        '\0\0\0\0x',
        '\0\0\0\x03x',
        '\0\0\0\x0a',
        '\0\0\0\x0aX\0',
        '\0\0\0\x0aX\0\0x',
        '\0\0\0\x0a\xff\0\0',
      ],
    ],
    ['ParameterStatus', parseParameterStatus, ['', 'a\0', 'a\0b', 'a\0b\0c', 'a\0b\0\0']],
    ['BackendKeyData', parseBackendKeyData, ['', '\0\0\0\x01', '\0\0\0\x01abc', `\0\0\0\x01${'s'.repeat(257)}`]],
    ['ReadyForQuery', parseReadyForQuery, ['', 'X', 'II', 'i']],
    [
      'DataRow',
      parseDataRow,
      [
        '',
        '\0',
        '\0\x01',
        '\0\x01\0\0\0\x02a',
        '\0\x01\0\0\0\x01ab',
        '\0\0x',
        '\xff\xff',
        '\0\x01\xff\xff\xff\xfe',
        '\0\x01\x80\0\0\0',
      ],
    ],
    [
      'ErrorResponse',
      parseErrorFields,
      [
        '',
        '\0',
        'SFATAL\0C28000\0Mm\0',
        'SFATAL\0C28000\0Mm',
        'SFATAL\0C28000\0\0',
        'SFATAL\0Mm\0\0',
        'C28000\0Mm\0\0',
        'SFATAL\0C28000\0Mm\0\0x',
      ],
    ],
    [
      'SASLInitialResponse',
      parseSaslInitialResponse,
      [
        '',
        'X',
        'X\0',
        'X\0\0\0\0',
        'X\0\0\0\0\x02a',
        'X\0\0\0\0\x01ab',
        'X\0\xff\xff\xff\xffa',
        'X\0\x80\0\0\0',
        'X\0\xff\xff\xff\xfe',
        '\xff\0\0\0\0\0',
        'password\0',
      ],
    ],
    ['PasswordMessage', parsePasswordMessage, ['', 'pw', 'pw\0x', 'p\0w\0', 'p\xe4\0']],
  ];

  it.each(cases)('%s', (_name, parse, bodies) => {
    for (const body of bodies) expect([body, parse(latin1(body)).kind]).toEqual([body, 'violation']);
  });

  it('what is taken for a ParameterStatus is what can be read as one', () => {
    const few = fc.constantFrom(0, 0x61);
    fc.assert(
      fc.property(fc.array(few, { maxLength: 6 }), (bytes) => {
        const body = Uint8Array.from(bytes);
        expect(isParameterStatus(body)).toBe(parseParameterStatus(body).kind === 'value');
      }),
    );
  });

  it.each(cases)('%s throws for no bytes whatever', (_name, parse) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (body) =>
        expect(['value', 'violation']).toContain(parse(body).kind),
      ),
    );
  });
});

describe('encoders', () => {
  it('refuse a NUL that would begin another field', () => {
    expect(() => encodeQuery('SELECT 1\0; DROP TABLE x')).toThrow(RangeError);
    expect(() => encodePasswordMessage('a\0b')).toThrow(RangeError);
    expect(() => encodeParameterStatus({ name: 'a\0', value: 'b' })).toThrow(RangeError);
  });
});
