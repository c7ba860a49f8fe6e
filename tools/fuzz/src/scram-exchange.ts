// One SCRAM exchange of our server with a client that says anything, beside the grammar of RFC 5802 as two regular expressions
// and its section 6 on channel binding as two lines. Throws when they disagree.
//
// In what the client says, `{nonce}`, `{binding}`, and `{proof}` at the end, stand for the right ones, so that mutants get as
// far as being admitted, and never by another way; `{other}` is the binding to another certificate.

import { createHash, createHmac } from 'node:crypto';
import {
  type ScramChoice,
  type ScramVerifier,
  checkPassword,
  createScramServer,
  deriveVerifier,
  parseVerifier,
} from '@pgwake/client-auth';
import { demand, latin1 } from './target.ts';

const password = 'pencil';
const maxMessageBytes = 1024;
const boundFlag = 'p=tls-server-end-point';
const clientFirstGrammar = /^([ny]|p=[^,]*),,(n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]*)*)$/;
const clientFinalGrammar = /^(c=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]*)*),p=([A-Za-z0-9+/]{43}=)$/;

export const rightHash = new Uint8Array(32).fill(5);
const otherHash = new Uint8Array(32).fill(6);

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

function isCanonical(base64: string): boolean {
  return Buffer.from(base64, 'base64').toString('base64') === base64;
}

/** Whether this flag of client-first goes with the choice: a `y` where binding was offered is a downgrade. */
function mayBeSaid(flag: string, { mechanism, bindingHash }: ScramChoice): boolean {
  if (mechanism === 'SCRAM-SHA-256-PLUS') return flag === boundFlag;
  return flag === 'n' || (flag === 'y' && bindingHash === undefined);
}

function bindingOf(flag: string, hash: Uint8Array): string {
  return Buffer.concat([latin1(`${flag},,`), hash]).toString('base64');
}

/** Says which state it reached. */
export function playExchange(first: string, final: string, choice: ScramChoice): string {
  const isBound = choice.mechanism === 'SCRAM-SHA-256-PLUS';
  const server = createScramServer(verifier, choice);
  const challenge = server.clientFirst(latin1(first));
  const [, flag = '', bare = '', clientNonce = ''] = (isReadable(first) && clientFirstGrammar.exec(first)) || [];
  const expectedFirst = mayBeSaid(flag, choice) ? 'continue' : 'violation';
  demand(challenge.kind === expectedFirst, `client-first: ${challenge.kind}, and the grammar says ${expectedFirst}`);
  if (challenge.kind === 'violation') {
    const isDowngrade = flag === 'y' && !isBound && choice.bindingHash !== undefined;
    demand((challenge.sqlState === '28000') === isDowngrade, `client-first: SQLSTATE ${challenge.sqlState}`);
    demand(server.clientFinal(latin1(final)).kind === 'violation', 'it went on after a violation');
    return `client-first: ${challenge.what}`;
  }

  const serverFirst = Buffer.from(challenge.bytes).toString('latin1');
  const nonce = /^r=([^,]*)/.exec(serverFirst)?.[1] ?? '';
  demand(nonce.startsWith(clientNonce) && nonce.length >= clientNonce.length + 24, `the nonce is ${nonce}`);

  const nothing = new Uint8Array(0);
  const binding = bindingOf(flag, isBound ? rightHash : nothing);
  const filledIn = final
    .replaceAll('{nonce}', nonce)
    .replaceAll('{binding}', binding)
    .replaceAll('{other}', bindingOf(flag, otherHash));
  const proof = proofFor(`${bare},${serverFirst},${filledIn.slice(0, filledIn.lastIndexOf(',p='))}`);
  const said = filledIn.replace(/,p=\{proof\}$/, `,p=${proof}`);
  const verdict = server.clientFinal(latin1(said));

  const parts = isReadable(said) ? clientFinalGrammar.exec(said) : null;
  const [, , saidBinding, saidNonce, saidProof] = parts ?? [];
  const keepsRules = saidBinding === binding && saidNonce === nonce && isCanonical(saidProof ?? '');
  const expectedFinal = !keepsRules ? 'violation' : saidProof === proof ? 'admitted' : 'refused';
  demand(verdict.kind === expectedFinal, `client-final: ${verdict.kind}, and the grammar says ${expectedFinal}`);
  demand(server.clientFinal(latin1(said)).kind === 'violation', 'it took a second client-final');
  return `client-final: ${verdict.kind === 'violation' ? verdict.what : verdict.kind}`;
}
