// Proves that a client which sends its password in clear text knows it, while the compute may sleep. PBKDF2 is not asked each
// time, and over HTTP wake-service is not either: see docs/adr/0008-passwords-of-requests.md for what that means.
//
// An unknown endpoint, an unknown role and a wrong password go the same way and give the same error. Only a password that
// was proved is remembered, and that as a keyed hash.

import { type ScramKeys, type ScramVerifier, checkPassword, parseVerifier } from '@pgwake/client-auth';
import { GatewayError } from '@pgwake/gateway-errors';
import type { EndpointId, RoleName, SessionId } from '@pgwake/ids';
import { isAllowedBy } from '@pgwake/ip-networks';
import type { EndpointAccess, EndpointAccessRequest } from '@pgwake/wake-api';
import { AnswerCache } from './answer-cache.js';
import { FairQueue } from './fair-queue.js';
import { createKeyedHash } from './keyed-hash.js';
import { orAbort } from './or-abort.js';
import { createMemory } from './proved-memory.js';

/** Who may log in is wake-service's to say. Rejects with a GatewayError. */
export interface AccessPort {
  getEndpointAccess(request: EndpointAccessRequest, signal: AbortSignal): Promise<EndpointAccess>;
}

export interface PasswordLogin {
  readonly endpoint: EndpointId;
  readonly role: RoleName;
  readonly password: string;
  readonly sessionId: SessionId;
  /** The IP address of the client. */
  readonly address: string;
}

export interface PasswordProof {
  /** For a login at the compute. One object for equal proofs, as long as it is remembered. */
  readonly keys: ScramKeys;
  /** Tells proofs apart: another password, or a role whose password was changed, has another one. A keyed hash. */
  readonly fingerprint: string;
}

export interface ProvedPassword extends PasswordProof {
  /** Of the endpoint, as they were when the password was proved. */
  readonly allowedNetworks: readonly string[];
}

export interface PasswordCheck {
  /**
   * Rejects with IP_NOT_ALLOWED, PASSWORD_FAILED, ENDPOINT_DISABLED, RATE_LIMITED (too many passwords of this endpoint wait
   * to be checked), WAKE_SERVICE_UNAVAILABLE, or with the reason of `signal`.
   */
  prove(login: PasswordLogin, signal: AbortSignal): Promise<ProvedPassword>;
  /**
   * Whether the same login, with the same password, would be proved again now, as far as that can be said at once. `false`
   * says nothing: prove it. Only where recent verifiers do.
   */
  stillProves(proof: PasswordProof, login: Omit<PasswordLogin, 'password'>): boolean;
}

export interface PasswordCheckDeps {
  readonly access: AccessPort;
  /** What a password is checked against: what was asked for at most two seconds ago, or since the login began. */
  readonly verifiers: 'recent' | 'live';
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

interface Remembered {
  readonly proof: PasswordProof;
  /** That it was proved against. */
  readonly verifier: string;
}

interface KnownVerifier extends EndpointAccess {
  readonly parsed: ScramVerifier;
}

/** Node derives keys on its four threads for such work; as many are left for names and files. */
const derivationsAtOnce = 2;
const maxWaitingPerEndpoint = 64;

export function createPasswordCheck({ access, verifiers, now }: PasswordCheckDeps): PasswordCheck {
  const answers = new AnswerCache((request, signal) => readVerifier(access, request, signal), now);
  const queue = new FairQueue({ atOnce: derivationsAtOnce, maxWaitingPerLane: maxWaitingPerEndpoint });
  const proved = createMemory<Remembered>();
  const underWay = new Map<string, Promise<PasswordProof | undefined>>();
  const hash = createKeyedHash();

  async function check(
    login: PasswordLogin,
    known: KnownVerifier,
    signal: AbortSignal,
  ): Promise<PasswordProof | undefined> {
    // Before anything that costs: no password is looked at.
    if (!isAllowedBy(known.allowedNetworks, login.address)) throw new GatewayError('IP_NOT_ALLOWED');
    const fingerprint = hash(fingerprintText(login, known));
    const remembered = proved.get(fingerprint);
    if (remembered !== undefined) return remembered.proof;
    let derivation = underWay.get(fingerprint);
    if (derivation === undefined) {
      derivation = queue
        .run(login.endpoint, () => checkPassword(login.password, known.parsed))
        .then((keys) => {
          const proof = keys && { keys, fingerprint };
          if (proof !== undefined) proved.set(fingerprint, { proof, verifier: known.verifier });
          return proof;
        })
        .finally(() => underWay.delete(fingerprint));
      underWay.set(fingerprint, derivation);
    }
    return orAbort(derivation, signal);
  }

  return {
    async prove(login, signal) {
      const startedMs = now();
      const first = await (verifiers === 'live'
        ? answers.readSince(login, startedMs, signal)
        : answers.read(login, signal));
      let known = first.answer;
      let proof = await check(login, known, signal);
      if (proof === undefined && first.askedAtMs < startedMs) {
        // The password may be newer than what is known of it.
        const { answer: latest } = await answers.readSince(login, startedMs, signal);
        if (latest.verifier !== known.verifier) proof = await check(login, latest, signal);
        known = latest;
      }
      if (proof === undefined) throw new GatewayError('PASSWORD_FAILED', { params: { user: login.role } });
      if (known.disabled) throw new GatewayError('ENDPOINT_DISABLED');
      return { ...proof, allowedNetworks: known.allowedNetworks };
    },

    stillProves({ fingerprint }, login) {
      const known = verifiers === 'recent' ? answers.readNow(login)?.answer : undefined;
      if (known === undefined || known.disabled || !isAllowedBy(known.allowedNetworks, login.address)) return false;
      return proved.get(fingerprint)?.verifier === known.verifier;
    },
  };
}

async function readVerifier(
  access: AccessPort,
  request: EndpointAccessRequest,
  signal: AbortSignal,
): Promise<KnownVerifier> {
  const found = await access.getEndpointAccess(request, signal);
  const parsed = parseVerifier(found.verifier);
  if (parsed === undefined) throw new GatewayError('INTERNAL', { detail: 'wake-service gave a malformed verifier' });
  return { ...found, parsed };
}

/** NUL is in none of the names, so no two logins have the same text. */
function fingerprintText({ endpoint, role, password }: PasswordLogin, { verifier }: KnownVerifier): string {
  return `${endpoint}\0${role}\0${verifier}\0${password}`;
}
