// The server's side of SCRAM-SHA-256 as Postgres does it (RFC 5802, RFC 7677; src/backend/libpq/auth-scram.c), with
// channel binding to the certificate of the gateway, where TLS ends. It keeps the client's ClientKey, with which the gateway
// logs in at the compute; the password itself never gets here.

import { makeNonce } from './nonce.js';
import { encodeBase64, equalBytes, hmac, sha256, xor } from './scram-crypto.js';
import {
  type ClientFinal,
  type ClientFirst,
  type ScramViolation,
  parseClientFinal,
  parseClientFirst,
  toBytes,
  violation,
} from './scram-messages.js';
import type { ScramKeys, ScramVerifier } from './scram-verifier.js';

export type ScramChallenge = { readonly kind: 'continue'; readonly bytes: Uint8Array } | ScramViolation;

export type ScramVerdict =
  | { readonly kind: 'admitted'; readonly bytes: Uint8Array; readonly keys: ScramKeys }
  /** The proof does not fit: a wrong password. */
  | { readonly kind: 'refused' }
  | ScramViolation;

export type ScramMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS';

const boundMechanism = 'SCRAM-SHA-256-PLUS';
const bindingName = 'tls-server-end-point';

/** What is offered to a client, the best first. `bindingHash`: of the TLS connection, see hashForBinding. */
export function offerMechanisms(bindingHash: Uint8Array | undefined): readonly ScramMechanism[] {
  return bindingHash === undefined ? ['SCRAM-SHA-256'] : [boundMechanism, 'SCRAM-SHA-256'];
}

export interface ScramChoice {
  /** What the client chose of the offer. */
  readonly mechanism: ScramMechanism;
  /** With which the offer was made. */
  readonly bindingHash: Uint8Array | undefined;
}

const withoutBinding: ScramChoice = { mechanism: 'SCRAM-SHA-256', bindingHash: undefined };

/** For one exchange: `clientFirst` once, then `clientFinal` once. Any other order is a violation. */
export interface ScramServer {
  /** Takes client-first-message, gives the body for AuthenticationSASLContinue. */
  clientFirst(message: Uint8Array): ScramChallenge;
  /** Takes client-final-message; once admitted, gives the body for AuthenticationSASLFinal. */
  clientFinal(message: Uint8Array): ScramVerdict;
}

type Stage =
  | { readonly kind: 'start' }
  | {
      readonly kind: 'challenged';
      readonly clientFirst: ClientFirst;
      readonly nonce: string;
      readonly serverFirst: string;
    }
  | { readonly kind: 'over' };

export function createScramServer(verifier: ScramVerifier, choice = withoutBinding): ScramServer {
  return createScramServerWithNonce(verifier, makeNonce(), choice);
}

/** With a chosen server nonce, for published test vectors only: a repeated nonce allows replay. */
export function createScramServerWithNonce(
  verifier: ScramVerifier,
  serverNonce: string,
  choice = withoutBinding,
): ScramServer {
  let stage: Stage = { kind: 'start' };

  /** Gives the present stage and ends the exchange, so that every way out but the one that says otherwise is final. */
  function leaveStage(): Stage {
    const left = stage;
    stage = { kind: 'over' };
    return left;
  }

  return {
    clientFirst(message) {
      if (leaveStage().kind !== 'start') return violation('unexpected SCRAM message');
      const clientFirst = parseClientFirst(message);
      if (clientFirst.kind === 'violation') return clientFirst;
      const contradiction = judgeBinding(clientFirst.binding, choice);
      if (contradiction !== undefined) return contradiction;
      const nonce = clientFirst.nonce + serverNonce;
      const serverFirst = `r=${nonce},s=${encodeBase64(verifier.salt)},i=${verifier.iterations}`;
      stage = { kind: 'challenged', clientFirst, nonce, serverFirst };
      return { kind: 'continue', bytes: toBytes(serverFirst) };
    },

    clientFinal(message) {
      const challenged = leaveStage();
      if (challenged.kind !== 'challenged') return violation('unexpected SCRAM message');
      const clientFinal = parseClientFinal(message);
      if (clientFinal.kind === 'violation') return clientFinal;
      if (clientFinal.channelBinding !== expectedBinding(challenged.clientFirst, choice)) {
        return choice.mechanism === boundMechanism
          ? violation('SCRAM channel binding check failed', '28000')
          : violation('unexpected channel binding in SCRAM message');
      }
      if (clientFinal.nonce !== challenged.nonce) return violation('SCRAM nonce does not match');
      return judgeProof(verifier, challenged.clientFirst.bare, challenged.serverFirst, clientFinal);
    },
  };
}

/** Whether what the client says of channel binding goes with what it was offered and what it chose. */
function judgeBinding(binding: ClientFirst['binding'], choice: ScramChoice): ScramViolation | undefined {
  const bound = choice.mechanism === boundMechanism;
  if (typeof binding === 'object') {
    if (choice.bindingHash === undefined) return violation('channel binding was not offered');
    if (!bound) return violation('channel binding without its mechanism');
    return binding.name === bindingName ? undefined : violation('unsupported kind of channel binding');
  }
  if (bound) return violation('the mechanism with channel binding was chosen without channel binding');
  // Somebody in between took it out of the offer, to be able to pass the proof on.
  if (binding === 'y' && choice.bindingHash !== undefined) {
    return violation('SCRAM channel binding negotiation error', '28000');
  }
  return undefined;
}

/** What `c=` in client-final has to be: what was said of binding, and with PLUS what is bound to. */
function expectedBinding({ gs2Header }: ClientFirst, { mechanism, bindingHash }: ScramChoice): string {
  const boundTo = mechanism === boundMechanism && bindingHash !== undefined ? bindingHash : new Uint8Array(0);
  return encodeBase64(Buffer.concat([toBytes(gs2Header), boundTo]));
}

function judgeProof(
  verifier: ScramVerifier,
  clientFirstBare: string,
  serverFirst: string,
  final: ClientFinal,
): ScramVerdict {
  const authMessage = toBytes(`${clientFirstBare},${serverFirst},${final.withoutProof}`);
  const clientKey = xor(final.proof, hmac(verifier.storedKey, authMessage));
  if (!equalBytes(sha256(clientKey), verifier.storedKey)) return { kind: 'refused' };
  const signature = encodeBase64(hmac(verifier.serverKey, authMessage));
  return { kind: 'admitted', bytes: toBytes(`v=${signature}`), keys: { clientKey, serverKey: verifier.serverKey } };
}
