// Corpus A: clients that name themselves properly and then break the rules of SCRAM, or of the messages around it.

import { announcing, concat, int32, latin1, message, startup } from './bytes.js';
import type { Difference, HostileClient, Turn, Verdict } from './hostile-client.js';

const login = startup('user\0app\0options\0endpoint=demo\0\0');
const mechanism = 'SCRAM-SHA-256';

/** A client-first-message with which nothing is wrong. */
export const honestClientFirst = 'n,,n=,r=abcdef';

function saslInitialResponse(name: string, data: string): Uint8Array {
  return message('p', `${name}\0`, int32(data.length), data);
}

const first = saslInitialResponse(mechanism, honestClientFirst);

/** A proof of the right form that fits no password, in base64. */
const wrongProof = 'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=';
const proofOf31Bytes = `${'A'.repeat(42)}==`;
const proofOf33Bytes = 'A'.repeat(44);

/** What the server's challenge says: its nonce begins with the client's. */
function nonceIn(heard: Uint8Array): string {
  const text = Array.from(heard, (byte) => String.fromCharCode(byte)).join('');
  return /r=([^,]+),s=/.exec(text)?.[1] ?? '';
}

const passwordFailed: Verdict = '28P01 password authentication failed for user "app"';
const broken = (what: string): Verdict => `08P01 protocol violation: SASL: ${what}`;
const malformed = 'malformed SCRAM message';
const malformedProof = 'malformed proof in SCRAM message';
const wrongBinding = 'unexpected channel binding in SCRAM message';
const otherNonce = 'SCRAM nonce does not match';
const notOffered = 'channel binding was not offered';
const badLength: Verdict = '08P01 protocol violation: invalid message length';
const outOfTurn: Verdict = '08P01 protocol violation: expected an answer to the authentication request';
const malformedInitial: Verdict = '08P01 protocol violation: malformed SASL initial response';

const unsupported: Difference = {
  verdict: '0A000',
  why: 'Postgres calls it unsupported, here it is one more violation',
};
const wrongPassword: Difference = {
  verdict: '28P01',
  why: 'to Postgres a message that it cannot read is a wrong password',
};
const shorterLimit: Difference = {
  verdict: '28P01',
  why: 'the limit of Postgres is on the message with its mechanism, ours on what is in it',
};

export interface ClientFirstMessage {
  readonly name: string;
  readonly text: string;
  /** What the SCRAM server says: `continue`, or the text of a violation. */
  readonly answer: string;
  /** Where the session says otherwise. */
  readonly expected?: Verdict;
  readonly postgres?: Difference;
}

export const clientFirstMessages: readonly ClientFirstMessage[] = [
  { name: 'no channel binding', text: 'n,,n=,r=abc', answer: 'continue' },
  { name: 'binding possible, not offered', text: 'y,,n=,r=abc', answer: 'continue' },
  { name: 'a user name, which is ignored', text: 'n,,n=postgres,r=abc', answer: 'continue' },
  { name: 'an escaped user name', text: 'n,,n=a=2Cb=3Dc,r=abc', answer: 'continue' },
  { name: 'an unknown optional extension', text: 'n,,n=,r=abc,x=1', answer: 'continue' },
  { name: 'p=tls-unique', text: 'p=tls-unique,,n=,r=abc', answer: notOffered },
  { name: 'p=tls-server-end-point', text: 'p=tls-server-end-point,,n=,r=abc', answer: notOffered },
  { name: 'p=tls-exporter', text: 'p=tls-exporter,,n=,r=abc', answer: notOffered },
  { name: 'p= empty', text: 'p=,,n=,r=abc', answer: notOffered },
  {
    name: 'an authorization identity',
    text: 'n,a=other,n=,r=abc',
    answer: 'an authorization identity is not supported',
    postgres: unsupported,
  },
  {
    name: 'a mandatory extension',
    text: 'n,,m=ext,n=,r=abc',
    answer: 'client requires an unsupported SCRAM extension',
    postgres: unsupported,
  },
  { name: 'no user name', text: 'n,,r=abc', answer: malformed },
  {
    name: 'an empty nonce',
    text: 'n,,n=,r=',
    answer: malformed,
    postgres: { verdict: 'challenged', why: 'Postgres adds its own to whatever it gets' },
  },
  { name: 'no nonce', text: 'n,,n=', answer: malformed },
  { name: 'a nonce with a space', text: 'n,,n=,r=a b', answer: malformed },
  { name: 'a nonce that is not ASCII', text: 'n,,n=,r=\xe4', answer: malformed },
  { name: 'a bare comma in the user name', text: 'n,,n=a,b,r=abc', answer: malformed },
  { name: 'the wrong order', text: 'n,,r=abc,n=', answer: malformed },
  { name: 'an extension without a name', text: 'n,,n=,r=abc,=1', answer: malformed },
  {
    name: 'an empty extension',
    text: 'n,,n=,r=abc,',
    answer: malformed,
    postgres: { verdict: 'challenged', why: 'Postgres does not look at an extension without a name' },
  },
  { name: 'an upper case flag', text: 'N,,n=,r=abc', answer: malformed },
  { name: 'an unknown flag', text: 'x,,n=,r=abc', answer: malformed },
  { name: 'no header', text: 'n=,r=abc', answer: malformed },
  { name: 'a NUL', text: 'n,,n=,r=abc\0', answer: malformed },
  { name: 'nothing', text: '', answer: malformed },
  { name: 'only commas', text: ',,,,', answer: malformed },
  { name: 'a nonce of 900 bytes', text: `n,,n=,r=${'a'.repeat(900)}`, answer: 'continue' },
  { name: '1,024 bytes', text: `n,,n=,r=${'a'.repeat(1016)}`, answer: 'continue', postgres: shorterLimit },
  { name: '1,025 bytes', text: `n,,n=,r=${'a'.repeat(1017)}`, answer: malformed, postgres: shorterLimit },
  {
    name: '1 MB',
    text: `n,,n=,r=${'a'.repeat(1_000_000)}`,
    answer: malformed,
    expected: badLength,
    postgres: shorterLimit,
  },
];

export interface ClientFinalMessage {
  readonly name: string;
  /** Gets the nonce of the challenge, which is the answer to {@link honestClientFirst}. */
  readonly write: (nonce: string) => string;
  /** What the SCRAM server says: `refused` (a wrong password), or the text of a violation. */
  readonly answer: string;
  readonly postgres?: Difference;
}

export const clientFinalMessages: readonly ClientFinalMessage[] = [
  { name: 'a wrong proof', write: (nonce) => `c=biws,r=${nonce},p=${wrongProof}`, answer: 'refused' },
  {
    name: 'an unknown optional extension',
    write: (nonce) => `c=biws,r=${nonce},x=1,p=${wrongProof}`,
    answer: 'refused',
  },
  {
    name: 'the binding of the y flag',
    write: (nonce) => `c=eSws,r=${nonce},p=${wrongProof}`,
    answer: wrongBinding,
  },
  { name: 'an empty binding', write: (nonce) => `c=,r=${nonce},p=${wrongProof}`, answer: wrongBinding },
  {
    name: 'a binding with data behind',
    write: (nonce) => `c=biwsAAAA,r=${nonce},p=${wrongProof}`,
    answer: wrongBinding,
  },
  { name: 'no binding', write: (nonce) => `r=${nonce},p=${wrongProof}`, answer: malformed },
  {
    name: 'a nonce cut short',
    write: (nonce) => `c=biws,r=${nonce.slice(0, -1)},p=${wrongProof}`,
    answer: otherNonce,
  },
  { name: 'a nonce made longer', write: (nonce) => `c=biws,r=${nonce}A,p=${wrongProof}`, answer: otherNonce },
  { name: 'only the client nonce', write: () => `c=biws,r=abcdef,p=${wrongProof}`, answer: otherNonce },
  {
    name: 'a recorded exchange',
    write: () => `c=biws,r=abcdefrecorded/server+nonce000,p=${wrongProof}`,
    answer: otherNonce,
  },
  { name: 'no proof', write: (nonce) => `c=biws,r=${nonce}`, answer: malformed },
  { name: 'an empty proof', write: (nonce) => `c=biws,r=${nonce},p=`, answer: malformedProof },
  { name: 'a proof of 31 bytes', write: (nonce) => `c=biws,r=${nonce},p=${proofOf31Bytes}`, answer: malformedProof },
  { name: 'a proof of 33 bytes', write: (nonce) => `c=biws,r=${nonce},p=${proofOf33Bytes}`, answer: malformedProof },
  {
    name: 'a proof without padding',
    write: (nonce) => `c=biws,r=${nonce},p=${wrongProof.slice(0, -1)}`,
    answer: malformedProof,
  },
  {
    name: 'a proof in URL-safe base64',
    write: (nonce) => `c=biws,r=${nonce},p=${wrongProof.replace('AQ', '_-')}`,
    answer: malformedProof,
  },
  {
    name: 'something behind the proof',
    write: (nonce) => `c=biws,r=${nonce},p=${wrongProof},x=1`,
    answer: malformedProof,
  },
  { name: 'the proof first', write: (nonce) => `p=${wrongProof},c=biws,r=${nonce}`, answer: malformed },
  { name: 'a NUL at the end', write: (nonce) => `c=biws,r=${nonce},p=${wrongProof}\0`, answer: malformed },
  { name: 'nothing', write: () => '', answer: malformed },
  { name: 'client-first again', write: () => honestClientFirst, answer: malformed },
  { name: 'the challenge thrown back', write: (nonce) => `r=${nonce},s=AAAA,i=4096`, answer: malformed },
  {
    name: '1,100 bytes',
    write: (nonce) => `c=biws,r=${nonce},x=${'a'.repeat(1000)},p=${wrongProof}`,
    answer: malformed,
    postgres: shorterLimit,
  },
];

interface Exchange {
  readonly name: string;
  readonly expected: Verdict;
  readonly postgres?: Difference;
}

/** In answer to the request to authenticate. */
const firstTurns: readonly (Exchange & { readonly says: Uint8Array })[] = [
  ...clientFirstMessages.map(({ name, text, answer, expected, ...entry }) => ({
    ...entry,
    name: `client-first: ${name}`,
    says: saslInitialResponse(mechanism, text),
    expected: expected ?? (answer === 'continue' ? 'challenged' : broken(answer)),
  })),
  {
    name: 'an unknown mechanism',
    says: saslInitialResponse('PLAIN', '\0app\0secret'),
    expected: broken('an unknown mechanism was chosen'),
  },
  {
    name: 'channel binding where it was not offered',
    says: saslInitialResponse('SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,n=,r=abc'),
    expected: broken('an unknown mechanism was chosen'),
  },
  {
    name: 'a mechanism without its message (length -1)',
    says: message('p', `${mechanism}\0`, int32(-1)),
    expected: broken('the first message is missing'),
    postgres: {
      verdict: 'challenged',
      why: 'Postgres answers with an empty challenge; no client we know asks for one',
    },
  },
  {
    name: 'a message of 2^31 - 1 bytes inside',
    says: message('p', `${mechanism}\0`, int32(0x7fff_ffff), honestClientFirst),
    expected: malformedInitial,
  },
  {
    name: 'a message of -2 bytes inside',
    says: message('p', `${mechanism}\0`, int32(-2), honestClientFirst),
    expected: malformedInitial,
  },
  { name: 'a mechanism without NUL', says: message('p', mechanism), expected: malformedInitial },
  {
    name: 'bytes behind the message',
    says: message('p', `${mechanism}\0`, int32(1), 'nn'),
    expected: malformedInitial,
  },
  { name: 'a PasswordMessage', says: message('p', 'secret\0'), expected: malformedInitial },
  { name: 'p of length 0', says: announcing('p', 0), expected: badLength, postgres: wrongPassword },
  { name: 'p of length 3', says: announcing('p', 3, 'abc'), expected: badLength, postgres: wrongPassword },
  { name: 'p of length 4, empty', says: announcing('p', 4), expected: malformedInitial },
  { name: 'p of length -1', says: announcing('p', -1, 'abc'), expected: badLength, postgres: wrongPassword },
  { name: 'p of length 2^31', says: announcing('p', 0x8000_0000, 'abc'), expected: badLength, postgres: wrongPassword },
  {
    name: 'p of 8 KB and a byte, announced',
    says: announcing('p', 8 * 1024 + 5),
    expected: badLength,
    postgres: wrongPassword,
  },
  { name: 'a StartupMessage in between (CVE-2026-107350)', says: login, expected: outOfTurn },
  { name: 'a query', says: message('Q', 'select 1\0'), expected: outOfTurn },
  { name: 'TLS in the middle', says: latin1('\x16\x03\x01\x02\0\x01\0'), expected: outOfTurn },
];

/** In answer to the challenge. */
const finalTurns: readonly (Exchange & { readonly says: Turn })[] = [
  ...clientFinalMessages.map(({ name, write, answer, ...entry }) => ({
    ...entry,
    name: `client-final: ${name}`,
    says: (heard: Uint8Array) => message('p', write(nonceIn(heard))),
    expected: answer === 'refused' ? passwordFailed : broken(answer),
  })),
  { name: 'a second SASLInitialResponse', says: first, expected: broken(malformed) },
  { name: 'a StartupMessage instead of a proof', says: login, expected: outOfTurn },
  { name: 'a query instead of a proof', says: message('Q', 'select 1\0'), expected: outOfTurn },
  { name: 'a proof of length -1', says: announcing('p', -1), expected: badLength, postgres: wrongPassword },
  {
    name: 'a query behind a wrong proof',
    says: (heard) => concat(message('p', `c=biws,r=${nonceIn(heard)},p=${wrongProof}`), message('Q', 'select 1\0')),
    expected: passwordFailed,
  },
];

/** All of corpus A: clients of endpoint `demo`, role `app`. */
export const scramClients: readonly HostileClient[] = [
  ...firstTurns.map(({ says, ...entry }) => ({ ...entry, turns: [login, says] })),
  ...finalTurns.map(({ says, ...entry }) => ({ ...entry, turns: [login, first, says] })),
];
