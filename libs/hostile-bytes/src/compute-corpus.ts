// Corpus B: a compute that breaks the rules while the gateway logs in. It keeps to them up to a stage, says its bytes, and
// closes. No TLS is asked for here, so answers to an SSLRequest are what they are then: bytes out of turn. Where it is asked for,
// start-tls.int.spec.ts of pg-dial has them.

import { announcing, concat, int32, latin1, message } from './bytes.js';

export interface HostileCompute {
  readonly name: string;
  /**
   * How far it keeps to the rules: it has read the StartupMessage; it has offered SCRAM-SHA-256 and read client-first; it has
   * challenged and read client-final; it has let the gateway in; it has greeted it and read the query for its name.
   */
  readonly after: 'startup' | 'clientFirst' | 'clientFinal' | 'admission' | 'query';
  /** What it says next. A function gets the body of the message read last. */
  readonly says: Uint8Array | ((said: Uint8Array) => Uint8Array);
  /** It says so until the gateway leaves. */
  readonly endless?: boolean;
  /** The code of the error that the dial ends with, or `connected`. */
  readonly expected: string;
}

/** The length of what it says, for choosing where to cut. */
export function lengthOf({ says }: HostileCompute): number {
  return (typeof says === 'function' ? says(new Uint8Array(0)) : says).length;
}

/** The name under which the gateway expects its compute. */
export const computeName = 'pgwake/demo/1';

const broken = 'COMPUTE_PROTOCOL';
const authentication = (method: number, ...data: (Uint8Array | string)[]): Uint8Array =>
  message('R', int32(method), ...data);
const authenticationOk = authentication(0);
const offer = authentication(10, 'SCRAM-SHA-256\0\0');
const challenge = (text: string): Uint8Array => authentication(11, text);
const signature = (text: string): Uint8Array => authentication(12, text);
const key = (secretBytes: number): Uint8Array => message('K', int32(4711), new Uint8Array(secretBytes));
const ready = message('Z', 'I');
const status = message('S', 'server_version\x0018.4\0');
const notice = message('N', 'SNOTICE\0VNOTICE\0C00000\0Mhello\0\0');
const error = (fields: string): Uint8Array => message('E', fields, '\0');
const fatal = (code: string, text = 'no'): Uint8Array => error(`SFATAL\0VFATAL\0C${code}\0M${text}\0`);
const row = (columns: number, ...values: (Uint8Array | string)[]): Uint8Array =>
  message('D', Uint8Array.of(columns >>> 8, columns), ...values);
const name = row(1, int32(computeName.length), computeName);
const complete = message('C', 'SHOW\0');
const wholeAnswer = concat(name, complete, ready);

/** The gateway's nonce with ours behind it, as a challenge should have it. */
const nonceIn = (said: Uint8Array): string => {
  const text = Array.from(said, (byte) => String.fromCharCode(byte)).join('');
  return `${/r=([^,]+)/.exec(text)?.[1] ?? ''}computenonce`;
};

function times(count: number, part: Uint8Array): Uint8Array {
  const all = new Uint8Array(count * part.length);
  for (let index = 0; index < count; index += 1) all.set(part, index * part.length);
  return all;
}

export const hostileComputes: readonly HostileCompute[] = [
  ...[0, 1, 2, 3, 0x4000_0004, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff].map((length) => ({
    name: `a message of length ${length}`,
    after: 'startup' as const,
    says: announcing('R', length, 'abc'),
    expected: broken,
  })),
  { name: 'an empty message', after: 'startup', says: announcing('R', 4), expected: broken },
  { name: 'half a header', after: 'startup', says: latin1('R\0\0'), expected: 'COMPUTE_RESET' },
  { name: 'half a message', after: 'startup', says: announcing('R', 12, 'abc'), expected: 'COMPUTE_RESET' },
  { name: 'nothing at all', after: 'startup', says: latin1(''), expected: 'COMPUTE_RESET' },
  { name: 'a message of no known type', after: 'startup', says: message('\0', 'abc'), expected: broken },
  { name: 'HTTP', after: 'startup', says: latin1('HTTP/1.1 400 Bad Request\r\n\r\n'), expected: broken },
  {
    name: 'consent to TLS, then plaintext (CVE-2021-23222)',
    after: 'startup',
    says: concat('S', offer),
    expected: broken,
  },
  { name: 'N as to an SSLRequest', after: 'startup', says: latin1('N'), expected: 'COMPUTE_RESET' },
  { name: 'X as to an SSLRequest', after: 'startup', says: concat('X', offer), expected: broken },

  { name: 'AuthenticationOk at once', after: 'startup', says: authenticationOk, expected: broken },
  { name: 'a request for a password in clear', after: 'startup', says: authentication(3), expected: broken },
  { name: 'a request for MD5', after: 'startup', says: authentication(5, 'salt'), expected: broken },
  { name: 'a request for GSSAPI', after: 'startup', says: authentication(7), expected: broken },
  { name: 'a request of no known kind', after: 'startup', says: authentication(0xffff_ffff), expected: broken },
  { name: 'other mechanisms only', after: 'startup', says: authentication(10, 'SCRAM-SHA-1\0\0'), expected: broken },
  { name: 'no mechanism', after: 'startup', says: authentication(10, '\0'), expected: broken },
  {
    name: 'mechanisms without an end',
    after: 'startup',
    says: authentication(10, 'SCRAM-SHA-256\0'),
    expected: broken,
  },
  {
    name: 'ten thousand mechanisms',
    after: 'startup',
    says: authentication(10, 'a\0'.repeat(10_000), '\0'),
    expected: broken,
  },
  { name: 'a mechanism that is not UTF-8', after: 'startup', says: authentication(10, '\xff\0\0'), expected: broken },
  { name: 'a challenge before anything', after: 'startup', says: challenge('r=a,s=AAAA,i=1'), expected: broken },
  { name: 'ready before authentication', after: 'startup', says: ready, expected: broken },
  { name: 'a key before authentication', after: 'startup', says: key(4), expected: broken },
  {
    name: 'notices for ever, before anything',
    after: 'startup',
    says: times(1_000, notice),
    endless: true,
    expected: broken,
  },
  {
    name: 'server versions for ever, before anything',
    after: 'startup',
    says: times(1_000, status),
    endless: true,
    expected: broken,
  },
  {
    name: 'NegotiateProtocolVersion with junk',
    after: 'startup',
    says: message('v', int32(3), int32(-1), 'junk'),
    expected: broken,
  },

  {
    name: 'an error without SQLSTATE (CVE-2026-6666)',
    after: 'startup',
    says: error('SFATAL\0Mno\0'),
    expected: broken,
  },
  { name: 'an error with half a SQLSTATE', after: 'startup', says: fatal('28'), expected: broken },
  { name: 'an error with a SQLSTATE of signs', after: 'startup', says: fatal('\x1b[2J!'), expected: broken },
  { name: 'an error without fields', after: 'startup', says: message('E', '\0'), expected: broken },
  { name: 'an empty error', after: 'startup', says: message('E'), expected: broken },
  { name: 'an error without an end', after: 'startup', says: message('E', 'SFATAL\0C28000\0Mno'), expected: broken },
  { name: 'an error of 10 MB', after: 'startup', says: () => fatal('28000', 'x'.repeat(10_000_000)), expected: broken },
  {
    name: 'an error that is not UTF-8',
    after: 'startup',
    says: fatal('28000', '\xff\xfe'),
    expected: 'COMPUTE_REJECTED_LOGIN',
  },
  {
    name: 'an error before its identity is proved',
    after: 'startup',
    says: fatal('3D000'),
    expected: 'COMPUTE_SAID_NO',
  },

  { name: 'AuthenticationOk for a challenge', after: 'clientFirst', says: authenticationOk, expected: broken },
  { name: 'a second offer', after: 'clientFirst', says: offer, expected: broken },
  { name: 'an empty challenge', after: 'clientFirst', says: challenge(''), expected: broken },
  { name: 'a nonce of its own', after: 'clientFirst', says: challenge('r=mine,s=AAAA,i=1'), expected: broken },
  {
    name: 'the nonce of the gateway alone',
    after: 'clientFirst',
    says: (said) => challenge(`r=${nonceIn(said).replace('computenonce', '')},s=AAAA,i=1`),
    expected: broken,
  },
  {
    name: 'a nonce of 20 KB',
    after: 'clientFirst',
    says: (said) => challenge(`r=${nonceIn(said)}${'n'.repeat(20_000)},s=AAAA,i=1`),
    expected: broken,
  },
  {
    name: 'a nonce of 1 MB',
    after: 'clientFirst',
    says: (said) => challenge(`r=${nonceIn(said)}${'n'.repeat(1_000_000)},s=AAAA,i=1`),
    expected: broken,
  },
  {
    name: 'an empty salt',
    after: 'clientFirst',
    says: (said) => challenge(`r=${nonceIn(said)},s=,i=1`),
    expected: broken,
  },
  {
    name: 'a salt that is no base64',
    after: 'clientFirst',
    says: (said) => challenge(`r=${nonceIn(said)},s=?,i=1`),
    expected: broken,
  },
  {
    name: 'a mandatory extension',
    after: 'clientFirst',
    says: (said) => challenge(`m=ext,r=${nonceIn(said)},s=AAAA,i=1`),
    expected: broken,
  },
  {
    name: 'no iterations',
    after: 'clientFirst',
    says: (said) => challenge(`r=${nonceIn(said)},s=AAAA,i=0`),
    expected: broken,
  },
  // With keys instead of a password, iterations are the compute's own affair: the gateway goes on, and the compute is gone.
  ...['1', '2147483648'].map((iterations) => ({
    name: `${iterations} iterations`,
    after: 'clientFirst' as const,
    says: (said: Uint8Array) => challenge(`r=${nonceIn(said)},s=AAAA,i=${iterations}`),
    expected: 'COMPUTE_RESET',
  })),

  { name: 'AuthenticationOk without a signature', after: 'clientFinal', says: authenticationOk, expected: broken },
  { name: 'a second challenge', after: 'clientFinal', says: challenge('r=a,s=AAAA,i=1'), expected: broken },
  ...Object.entries({
    'an empty signature': '',
    'a signature without a value': 'v=',
    'a SCRAM error for a signature': 'e=other-error',
    'a wrong signature': 'v=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=',
  }).map(([what, text]) => ({
    name: `${what}, and everything that would follow`,
    after: 'clientFinal' as const,
    says: concat(signature(text), authenticationOk, key(4), ready, wholeAnswer),
    expected: 'COMPUTE_IDENTITY_MISMATCH',
  })),
  { name: 'a wrong password', after: 'clientFinal', says: fatal('28P01'), expected: 'COMPUTE_REJECTED_LOGIN' },

  { name: 'ready without a key', after: 'admission', says: ready, expected: broken },
  { name: 'two keys', after: 'admission', says: concat(key(4), key(4)), expected: broken },
  { name: 'a key without a secret', after: 'admission', says: key(0), expected: broken },
  { name: 'a key of 3 bytes', after: 'admission', says: key(3), expected: broken },
  { name: 'a key of 300 bytes', after: 'admission', says: key(300), expected: broken },
  { name: 'a key of 256 bytes', after: 'admission', says: concat(key(256), ready, wholeAnswer), expected: 'connected' },
  { name: 'ready in a transaction', after: 'admission', says: concat(key(4), message('Z', 'T')), expected: broken },
  { name: 'ready in no known way', after: 'admission', says: concat(key(4), message('Z', 'X')), expected: broken },
  { name: 'ready without a status', after: 'admission', says: concat(key(4), message('Z')), expected: broken },
  { name: 'ready with two statuses', after: 'admission', says: concat(key(4), message('Z', 'II')), expected: broken },
  { name: 'AuthenticationOk again', after: 'admission', says: authenticationOk, expected: broken },
  { name: 'a message of no known type, let in', after: 'admission', says: message('\0', 'abc'), expected: broken },
  { name: 'a parameter without a value', after: 'admission', says: message('S', 'a\0'), expected: broken },
  { name: 'a parameter with two values', after: 'admission', says: message('S', 'a\0b\0c\0'), expected: broken },
  { name: 'a malformed notice', after: 'admission', says: message('N', 'SNOTICE\0'), expected: broken },
  {
    name: 'a hundred thousand server versions',
    after: 'admission',
    says: () => times(100_000, status),
    expected: broken,
  },
  { name: 'server versions for ever', after: 'admission', says: times(1_000, status), endless: true, expected: broken },
  { name: 'notices for ever', after: 'admission', says: times(1_000, notice), endless: true, expected: broken },
  {
    name: 'notifications for ever',
    after: 'admission',
    says: times(1_000, message('A', int32(1), 'channel\0payload\0')),
    endless: true,
    expected: broken,
  },

  { name: 'a row without a description', after: 'query', says: wholeAnswer, expected: 'connected' },
  { name: 'a COPY instead of a row', after: 'query', says: message('G', '\0\0\0'), expected: broken },
  { name: 'ready instead of a row', after: 'query', says: ready, expected: broken },
  { name: 'two rows', after: 'query', says: concat(name, name), expected: broken },
  { name: 'two columns', after: 'query', says: row(2, int32(1), 'a', int32(1), 'b'), expected: broken },
  { name: 'no column', after: 'query', says: row(0), expected: broken },
  { name: 'NULL', after: 'query', says: row(1, int32(-1)), expected: broken },
  { name: 'a value of length -2', after: 'query', says: row(1, int32(-2)), expected: broken },
  { name: 'a value longer than its message', after: 'query', says: row(1, int32(100), 'abc'), expected: broken },
  { name: 'a row with bytes behind it', after: 'query', says: row(1, int32(1), 'ab'), expected: broken },
  ...[1_600, 32_767, 65_535].map((columns) => ({
    name: `${columns} columns announced`,
    after: 'query' as const,
    says: row(columns),
    expected: broken,
  })),
  { name: '1,600 columns', after: 'query', says: row(1_600, times(1_600, int32(-1))), expected: broken },
  {
    name: 'another name',
    after: 'query',
    says: concat(row(1, int32(14), 'pgwake/other/1'), complete, ready),
    expected: 'COMPUTE_IDENTITY_MISMATCH',
  },
  { name: 'a message of no known type instead of a row', after: 'query', says: message('\0', 'abc'), expected: broken },
  {
    name: 'a notification instead of a row',
    after: 'query',
    says: message('A', int32(1), 'channel\0payload\0'),
    expected: broken,
  },
  {
    name: 'notices instead of a row, for ever',
    after: 'query',
    says: times(1_000, notice),
    endless: true,
    expected: broken,
  },
  { name: 'completion for ever', after: 'query', says: times(1_000, complete), endless: true, expected: broken },
  { name: 'an error and no end of it', after: 'query', says: fatal('57P01'), expected: 'COMPUTE_SHUTTING_DOWN' },
  // What stands behind the last ReadyForQuery is the session's own, and goes to the client whose session it is.
  { name: 'bytes behind ReadyForQuery', after: 'query', says: concat(wholeAnswer, 'junk'), expected: 'connected' },
];
