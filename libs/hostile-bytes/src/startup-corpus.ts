// Corpus S: what may arrive as the first bytes of a connection, before anybody has proved anything.
//
// A packet has two expected outcomes: what the codec makes of it, and, unless that follows, what becomes of a client that
// sends it on a connection without TLS and then half-closes.

import { concat, int32, latin1, message, packet, protocol, startup } from './bytes.js';
import type { Difference, HostileClient, Verdict } from './hostile-client.js';

export interface StartupPacket {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** What the codec says: the kind of request, `incomplete`, or SQLSTATE and text of a violation. */
  readonly parsed: string;
  /** Where the session says otherwise than the codec suggests. */
  readonly expected?: Verdict;
  readonly postgres?: Difference;
}

const sslRequest = packet(80_877_103);
const gssEncRequest = packet(80_877_104);
const cancelRequest = packet(80_877_102, int32(1), 'abcd');
const app = startup('user\0app\0\0');

/** A packet that announces `length` and brings the start of an ordinary one. */
const announcing = (length: number): Uint8Array => concat(int32(length), int32(protocol(3, 0)), 'user\0app\0\0');
const filledTo = (length: number): Uint8Array => startup(`user\0app\0x\0${'a'.repeat(length - 8 - 13)}\0\0`);
const options = (text: string): Uint8Array => startup('user\0app\0options\0', text, '\0\0');

const invalidLength = '08P01 invalid length of startup packet';
const noTerminator = '08P01 startup packet has no terminator';
const noValue = '08P01 startup packet has a parameter without a value';
const twice = '08P01 startup packet has a parameter twice';
const noUser = '28000 no PostgreSQL user name specified in startup packet';
const notUtf8 = '08P01 startup packet is not valid UTF-8';
const goesOn = '08P01 startup packet goes on after its terminator';
const cancelLength = '08P01 invalid length of cancel request';
const unsupported = (text: string): string => `0A000 unsupported frontend protocol ${text}`;

const logsOnly: Difference = {
  verdict: 'closed',
  why: 'Postgres tells its log only; a person who speaks HTTP to this port is helped by an error',
};
const oldFormat: Difference = {
  verdict: 'closed',
  why: 'Postgres answers in the format of protocol 2, which is no message to a reader of protocol 3',
};
const takesLast: Difference = { verdict: 'accepted', why: 'Postgres takes the last one, other software the first' };
const takesAnyBytes: Difference = { verdict: 'accepted', why: 'names are bytes to Postgres; here they are compared' };
const readsNoFurther: Difference = {
  verdict: 'accepted',
  why: 'Postgres looks at the code alone, and would read plaintext behind it as the next packet',
};

export const startupPackets: readonly StartupPacket[] = [
  ...[0, 1, 4, 7, 10_005, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff].map((length) => ({
    name: `length word ${length}`,
    bytes: announcing(length),
    parsed: invalidLength,
    postgres: logsOnly,
  })),
  { name: 'length word 8', bytes: announcing(8), parsed: noTerminator },
  {
    name: 'length word 9',
    bytes: announcing(9),
    parsed: noTerminator,
    postgres: { verdict: '28000', why: 'Postgres puts a NUL behind each packet, so one byte is a terminated list' },
  },
  { name: 'length word 15', bytes: announcing(15), parsed: noValue },
  { name: 'length word 16', bytes: announcing(16), parsed: noValue },
  { name: 'length word 17', bytes: announcing(17), parsed: noTerminator },
  { name: 'length word 18', bytes: announcing(18), parsed: 'startup' },
  { name: 'length word 19', bytes: announcing(19), parsed: 'incomplete' },
  ...[10_000, 10_003, 10_004].map((length) => ({
    name: `length word ${length} before the rest is there`,
    bytes: announcing(length),
    parsed: 'incomplete',
  })),
  { name: '10,000 bytes', bytes: filledTo(10_000), parsed: 'startup' },
  { name: '10,003 bytes', bytes: filledTo(10_003), parsed: 'startup' },
  { name: '10,004 bytes', bytes: filledTo(10_004), parsed: 'startup' },
  { name: '10,005 bytes', bytes: filledTo(10_005), parsed: invalidLength, postgres: logsOnly },

  { name: 'SSLRequest', bytes: sslRequest, parsed: 'ssl' },
  {
    name: 'SSLRequest with a body',
    bytes: packet(80_877_103, 'x'),
    parsed: '08P01 invalid length of SSL request',
    postgres: { ...readsNoFurther, verdict: 'declined' },
  },
  { name: 'GSSENCRequest', bytes: gssEncRequest, parsed: 'gssenc' },
  {
    name: 'GSSENCRequest with a body',
    bytes: packet(80_877_104, 'x'),
    parsed: '08P01 invalid length of GSS encryption request',
    postgres: { ...readsNoFurther, verdict: 'declined' },
  },
  { name: 'cancel with a secret of 4 bytes', bytes: cancelRequest, parsed: 'cancel' },
  {
    name: 'cancel with a secret of 256 bytes',
    bytes: packet(80_877_102, int32(1), 's'.repeat(256)),
    parsed: 'cancel',
  },
  ...[0, 3, 257].map((secretBytes) => ({
    name: `cancel with a secret of ${secretBytes} bytes`,
    bytes: packet(80_877_102, int32(1), 's'.repeat(secretBytes)),
    parsed: cancelLength,
    postgres: logsOnly,
  })),
  { name: 'cancel without anything', bytes: packet(80_877_102), parsed: cancelLength, postgres: logsOnly },

  { name: 'version 0', bytes: packet(0, 'user\0app\0\0'), parsed: unsupported('0.0') },
  { name: 'version 1.0', bytes: packet(protocol(1, 0)), parsed: unsupported('1.0'), postgres: oldFormat },
  {
    name: 'version 2.0',
    bytes: packet(protocol(2, 0), 'x'.repeat(288)),
    parsed: unsupported('2.0'),
    postgres: oldFormat,
  },
  { name: 'version 3.1', bytes: packet(protocol(3, 1), 'user\0app\0\0'), parsed: 'startup' },
  { name: 'version 3.2', bytes: packet(protocol(3, 2), 'user\0app\0\0'), parsed: 'startup' },
  {
    name: 'version 3.3',
    bytes: packet(protocol(3, 3), 'user\0app\0\0'),
    parsed: 'startup',
    expected: 'accepted as 3.2',
  },
  {
    name: 'version 3.9999, the grease of libpq',
    bytes: packet(protocol(3, 9999), 'user\0app\0\0'),
    parsed: 'startup',
    expected: 'accepted as 3.2',
  },
  { name: 'version 4.0', bytes: packet(protocol(4, 0), 'user\0app\0\0'), parsed: unsupported('4.0') },
  { name: 'code 1234.5677', bytes: packet(protocol(1234, 5677)), parsed: unsupported('1234.5677') },
  { name: 'code 1234.5681', bytes: packet(protocol(1234, 5681)), parsed: unsupported('1234.5681') },
  { name: 'version 65535.65535', bytes: packet(0xffff_ffff), parsed: unsupported('65535.65535') },

  { name: 'no parameters', bytes: startup('\0'), parsed: noUser },
  { name: 'no parameters, no terminator', bytes: startup(), parsed: noTerminator },
  { name: 'no user', bytes: startup('database\0db\0\0'), parsed: noUser },
  { name: 'an empty user', bytes: startup('user\0\0\0'), parsed: noUser },
  { name: 'User in upper case', bytes: startup('User\0app\0\0'), parsed: noUser },
  { name: 'the last NUL missing', bytes: startup('user\0app\0'), parsed: noTerminator },
  { name: 'the last two NULs missing', bytes: startup('user\0app'), parsed: noValue },
  { name: 'a name without a value', bytes: startup('user\0app\0database\0'), parsed: noValue },
  { name: 'a name without its NUL', bytes: startup('user\0app\0database'), parsed: noTerminator },
  { name: 'an empty name with a value', bytes: startup('\0x\0user\0app\0\0'), parsed: goesOn },
  { name: 'only NULs', bytes: startup('\0\0\0\0'), parsed: goesOn },
  { name: 'a byte behind the terminator', bytes: startup('user\0app\0\0\0'), parsed: goesOn },
  {
    name: '1,000 pairs of two bytes and more',
    bytes: startup(`user\0app\0${Array.from({ length: 1000 }, (_, i) => `${i}\0v\0`).join('')}\0`),
    parsed: 'startup',
  },
  {
    name: '5,000 pairs of one byte each',
    bytes: startup(`user\0app\0${'a\0b\0'.repeat(5000)}\0`),
    parsed: invalidLength,
    postgres: logsOnly,
  },
  {
    name: '2,400 equal pairs',
    bytes: startup(`user\0app\0${'a\0b\0'.repeat(2400)}\0`),
    parsed: twice,
    postgres: takesLast,
  },
  { name: 'user twice', bytes: startup('user\0app\0user\0postgres\0\0'), parsed: twice, postgres: takesLast },
  { name: 'user twice alike', bytes: startup('user\0app\0user\0app\0\0'), parsed: twice, postgres: takesLast },
  {
    name: 'database twice',
    bytes: startup('user\0app\0database\0a\0database\0b\0\0'),
    parsed: twice,
    postgres: takesLast,
  },
  {
    name: 'options twice',
    bytes: startup('user\0app\0options\0\0options\0-c a=b\0\0'),
    parsed: twice,
    postgres: takesLast,
  },
  { name: 'a name that nobody knows', bytes: startup('user\0app\0no_such_setting\0x\0\0'), parsed: 'startup' },
  { name: '__proto__ as a name', bytes: startup('__proto__\0x\0user\0app\0\0'), parsed: 'startup' },
  { name: 'a user in latin1', bytes: startup('user\0\xe4\0\0'), parsed: notUtf8, postgres: takesAnyBytes },
  { name: 'a name in latin1', bytes: startup('user\0app\0\xff\0x\0\0'), parsed: notUtf8, postgres: takesAnyBytes },
  { name: 'an overlong NUL', bytes: startup('user\0a\xc0\x80b\0\0'), parsed: notUtf8, postgres: takesAnyBytes },
  {
    name: 'a UTF-16 surrogate in UTF-8',
    bytes: startup('user\0\xed\xa0\x80\0\0'),
    parsed: notUtf8,
    postgres: takesAnyBytes,
  },
  { name: 'a user of 63 bytes', bytes: startup('user\0', 'u'.repeat(63), '\0\0'), parsed: 'startup' },
  {
    name: 'a user of 64 bytes',
    bytes: startup('user\0', 'u'.repeat(64), '\0\0'),
    parsed: 'startup',
    expected: '08P01 protocol violation: the user name is longer than 63 bytes',
    postgres: { verdict: 'accepted', why: 'Postgres cuts it to 63, which makes two names equal' },
  },
  {
    name: 'a database of 64 bytes',
    bytes: startup('user\0app\0database\0', 'd'.repeat(64), '\0\0'),
    parsed: 'startup',
  },
  {
    name: 'a database name full of signs',
    bytes: startup('user\0app\0database\0/?#%;\'" \\\0\0'),
    parsed: 'startup',
  },
  { name: 'replication=true', bytes: startup('user\0app\0replication\0true\0\0'), parsed: 'startup' },
  { name: 'replication=database', bytes: startup('user\0app\0replication\0database\0\0'), parsed: 'startup' },
  {
    name: 'replication=banana',
    bytes: startup('user\0app\0replication\0banana\0\0'),
    parsed: 'startup',
    postgres: { verdict: '22023', why: 'what it means is for the compute to say, after the password was proved' },
  },
  {
    name: 'a protocol option',
    bytes: startup('user\0app\0_pq_.x\0y\0\0'),
    parsed: 'startup',
    expected: 'accepted as 3.0',
  },
  ...[1, 2].map((minor) => ({
    name: `a protocol option of version 3.${minor}`,
    bytes: packet(protocol(3, minor), 'user\0app\0_pq_.x\0y\0\0'),
    parsed: 'startup',
    expected: `accepted as 3.${minor}`,
  })),

  { name: 'options with -c= (CVE-2026-107349)', bytes: options('-c='), parsed: 'startup' },
  { name: 'options with -c alone', bytes: options('-c'), parsed: 'startup' },
  { name: 'options with -- alone', bytes: options('--'), parsed: 'startup' },
  { name: 'options with -c =x', bytes: options('-c =x'), parsed: 'startup' },
  { name: 'options of 9,000 backslashes', bytes: options('\\'.repeat(9000)), parsed: 'startup' },
  { name: 'options with a search_path (CVE-2025-12819)', bytes: options('-c search_path=evil'), parsed: 'startup' },
  {
    name: 'options with two endpoints',
    bytes: options('endpoint=demo endpoint=other'),
    parsed: 'startup',
    expected: '08004 the connection does not say which endpoint it is for',
    postgres: { verdict: 'accepted', why: 'endpoints are ours; Postgres reads options after the password' },
  },

  {
    name: 'TLS ClientHello',
    bytes: latin1('\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'),
    parsed: invalidLength,
    expected: '08P01 protocol violation: TLS is not offered here',
    postgres: logsOnly,
  },
  ...Object.entries({
    'SSLv2 ClientHello': '\x80\x2e\x01\0\x02\0\x15\0\0\0\x10',
    GET: 'GET / HTTP/1.1\r\n\r\n',
    SSH: 'SSH-2.0-OpenSSH_9.2\r\n',
    'HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    Redis: '*1\r\n$4\r\nPING\r\n',
    'PROXY v1': 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n',
    'PROXY v2': '\r\n\r\n\0\r\nQUIT\n',
    RDP: '\x03\0\0\x2f\x2a\xe0\0\0\0\0\0',
    'zero bytes': '\0'.repeat(32),
  }).map(([name, text]) => ({ name, bytes: latin1(text), parsed: invalidLength, postgres: logsOnly })),
  { name: 'SMB', bytes: latin1('\0\0\0\x85\xffSMBr\0\0\0\0'), parsed: 'incomplete' },
  { name: 'nothing', bytes: latin1(''), parsed: 'incomplete' },
];

const stuffing = '08P01 protocol violation: received unencrypted data after an encryption request';

/** What takes more than one packet to get wrong. */
const exchanges: readonly HostileClient[] = [
  {
    name: 'SSLRequest and StartupMessage in one go (CVE-2021-23214)',
    turns: [concat(sslRequest, app)],
    expected: stuffing,
    ifCut: 'accepted',
  },
  {
    name: 'SSLRequest and ClientHello in one go',
    turns: [concat(sslRequest, '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03')],
    expected: stuffing,
    ifCut: verdictOf(invalidLength),
  },
  {
    name: 'GSSENCRequest and StartupMessage in one go',
    turns: [concat(gssEncRequest, app)],
    expected: stuffing,
    ifCut: 'accepted',
  },
  { name: 'SSLRequest, then a StartupMessage', turns: [sslRequest, app], expected: 'accepted' },
  {
    name: 'GSSENCRequest, SSLRequest, then a StartupMessage',
    turns: [gssEncRequest, sslRequest, app],
    expected: 'accepted',
  },
  {
    name: 'SSLRequest twice',
    turns: [sslRequest, sslRequest],
    expected: '08P01 protocol violation: an SSL request came twice',
    postgres: { verdict: '0A000', why: 'to Postgres the second one is a version that it does not speak' },
  },
  {
    name: 'GSSENCRequest, SSLRequest, GSSENCRequest',
    turns: [gssEncRequest, sslRequest, gssEncRequest],
    expected: '08P01 protocol violation: a GSS encryption request came twice',
    postgres: { verdict: '0A000', why: 'to Postgres the second one is a version that it does not speak' },
  },
  { name: 'a cancel request after SSLRequest', turns: [sslRequest, cancelRequest], expected: 'closed' },
  {
    name: 'a second StartupMessage instead of a password (CVE-2026-107350)',
    turns: [app, startup('user\0postgres\0\0')],
    expected: '08P01 protocol violation: expected an answer to the authentication request',
  },
  {
    name: 'a query instead of a password',
    turns: [app, message('Q', 'select 1\0')],
    expected: '08P01 protocol violation: expected an answer to the authentication request',
  },
  {
    name: 'Terminate instead of a password',
    turns: [app, message('X')],
    expected: '08P01 protocol violation: expected an answer to the authentication request',
  },
];

/** What becomes of a client that sends one packet, unless the entry says otherwise. */
function verdictOf(parsed: string): Verdict {
  if (parsed === 'startup') return 'accepted';
  if (parsed === 'ssl' || parsed === 'gssenc') return 'declined';
  if (parsed === 'cancel' || parsed === 'incomplete') return 'closed';
  return parsed.replace(/^08P01 /, '08P01 protocol violation: ');
}

/** All of corpus S as clients of a port without TLS that asks for a password. */
export const startupClients: readonly HostileClient[] = [
  ...startupPackets.map(({ bytes, parsed, expected, ...entry }) => ({
    ...entry,
    turns: [bytes],
    expected: expected ?? verdictOf(parsed),
  })),
  ...exchanges,
];
