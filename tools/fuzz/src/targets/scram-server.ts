// A SCRAM exchange with a client that says anything, beside the grammar of RFC 5802 as two regular expressions. In the input
// `{nonce}`, and `{proof}` at the end, stand for the right ones, so that mutants get as far as being admitted, and never by another way.

import { createHmac, createHash } from 'node:crypto';
import {
  type ScramVerifier,
  createScramServer,
  deriveVerifier,
  checkPassword,
  parseVerifier,
} from '@pgwake/client-auth';
import { clientFinalMessages, clientFirstMessages, honestClientFirst } from '@pgwake/hostile-bytes';
import { type FuzzTarget, demand, latin1 } from '../target.ts';

const password = 'pencil';
const maxMessageBytes = 1024;
const clientFirstGrammar = /^([ny]),,(n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]*)*)$/;
const clientFinalGrammar = /^(c=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]*)*),p=([A-Za-z0-9+/]{43}=)$/;

const { verifier, clientKey } = await makeVerifier();

async function makeVerifier(): Promise<{ verifier: ScramVerifier; clientKey: Uint8Array }> {
  const parsed = parseVerifier(await deriveVerifier(password, { iterations: 1, salt: new Uint8Array(16).fill(7) }));
  const keys = parsed && (await checkPassword(password, parsed));
  if (parsed === undefined || keys === undefined) throw new Error('the password does not fit its own verifier');
  return { verifier: parsed, clientKey: keys.clientKey };
}

/** RFC 5802, section 3. */
function proofFor(authMessage: string): string {
  const storedKey = createHash('sha256').update(clientKey).digest();
  const signature = createHmac('sha256', storedKey).update(latin1(authMessage)).digest();
  return Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0))).toString('base64');
}

function isReadable(text: string): boolean {
  return text.length > 0 && text.length <= maxMessageBytes && !text.includes('\0');
}

function run(input: Uint8Array): string {
  const text = Buffer.from(input).toString('latin1');
  const border = text.indexOf('\n');
  const first = border === -1 ? text : text.slice(0, border);
  const final = border === -1 ? '' : text.slice(border + 1);

  const server = createScramServer(verifier);
  const challenge = server.clientFirst(latin1(first));
  const [, flag = '', bare = '', clientNonce = ''] = (isReadable(first) && clientFirstGrammar.exec(first)) || [];
  const expectedFirst = flag === '' ? 'violation' : 'continue';
  demand(challenge.kind === expectedFirst, `client-first: ${challenge.kind}, and the grammar says ${expectedFirst}`);
  if (challenge.kind === 'violation') {
    demand(server.clientFinal(latin1(final)).kind === 'violation', 'it went on after a violation');
    return `client-first: ${challenge.what}`;
  }

  const serverFirst = Buffer.from(challenge.bytes).toString('latin1');
  const nonce = /^r=([^,]*)/.exec(serverFirst)?.[1] ?? '';
  demand(nonce.startsWith(clientNonce) && nonce.length >= clientNonce.length + 24, `the nonce is ${nonce}`);

  const withNonce = final.replaceAll('{nonce}', nonce);
  const proofAt = withNonce.lastIndexOf(',p=');
  const proof = proofFor(`${bare},${serverFirst},${withNonce.slice(0, proofAt)}`);
  const said = withNonce.replace(/,p=\{proof\}$/, `,p=${proof}`);
  const verdict = server.clientFinal(latin1(said));

  const parts = isReadable(said) ? clientFinalGrammar.exec(said) : null;
  const binding = Buffer.from(`${flag},,`).toString('base64');
  const [, , saidBinding, saidNonce, saidProof] = parts ?? [];
  const keepsRules = saidBinding === binding && saidNonce === nonce && isCanonical(saidProof ?? '');
  const expectedFinal = !keepsRules ? 'violation' : saidProof === proof ? 'admitted' : 'refused';
  demand(verdict.kind === expectedFinal, `client-final: ${verdict.kind}, and the grammar says ${expectedFinal}`);
  demand(server.clientFinal(latin1(said)).kind === 'violation', 'it took a second client-final');
  return `client-final: ${verdict.kind === 'violation' ? verdict.what : verdict.kind}`;
}

function isCanonical(base64: string): boolean {
  return Buffer.from(base64, 'base64').toString('base64') === base64;
}

const finals = ['c=biws,r={nonce},p={proof}', ...clientFinalMessages.map(({ write }) => write('{nonce}'))];

export const scramServerTarget: FuzzTarget = {
  name: 'scram-server',
  project: 'client-auth',
  share: 20,
  seeds: [
    ...clientFirstMessages.filter(({ text }) => text.length < 1_100).map(({ text }) => latin1(`${text}\n${finals[0]}`)),
    latin1('y,,n=,r=abc\nc=eSws,r={nonce},p={proof}'),
    ...finals.map((final) => latin1(`${honestClientFirst}\n${final}`)),
  ],
  words: ['n,,', 'y,,', 'p=', 'a=', 'm=', 'n=', 'r=', 'c=biws,', '{nonce}', '{proof}', ',x=1', '=2C', ',', '\n'].map(
    latin1,
  ),
  run,
  mustReach: [
    'client-first: malformed SCRAM message',
    'client-first: channel binding was not offered',
    'client-first: an authorization identity is not supported',
    'client-first: client requires an unsupported SCRAM extension',
    'client-final: malformed SCRAM message',
    'client-final: malformed proof in SCRAM message',
    'client-final: unexpected channel binding in SCRAM message',
    'client-final: SCRAM nonce does not match',
    'client-final: refused',
    'client-final: admitted',
  ],
};
