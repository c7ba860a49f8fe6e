// Proves that a client which sends its password with every request knows it, while the compute may sleep. Neither
// wake-service nor PBKDF2 is asked per request: see docs/adr/0008-passwords-of-requests.md for what that means.
//
// An unknown endpoint, an unknown role and a wrong password go the same way and give the same error. Only a password that
// was proved is remembered, and that as a keyed hash.

import { createHmac, randomBytes } from 'node:crypto';
import { type ScramKeys, checkPassword } from '@pgwake/client-auth';
import { GatewayError } from '@pgwake/gateway-errors';
import type { EndpointId, RoleName, SessionId } from '@pgwake/ids';
import { isAllowedBy } from '@pgwake/ip-networks';
import { LRUCache } from 'lru-cache';
import { FairQueue } from './fair-queue.js';
import { type AccessPort, type KnownVerifier, VerifierCache } from './verifier-cache.js';
import { orAbort } from './or-abort.js';

export interface PasswordLogin {
  readonly endpoint: EndpointId;
  readonly role: RoleName;
  readonly password: string;
  readonly sessionId: SessionId;
  /** The IP address of the client. */
  readonly address: string;
}

export interface PasswordCheck {
  /**
   * Resolves with what a login at the compute needs. Rejects with IP_NOT_ALLOWED, PASSWORD_FAILED, ENDPOINT_DISABLED,
   * RATE_LIMITED (too many passwords of this endpoint wait to be checked), WAKE_SERVICE_UNAVAILABLE, or with the reason of
   * `signal`.
   */
  prove(login: PasswordLogin, signal: AbortSignal): Promise<ScramKeys>;
}

export interface PasswordCheckDeps {
  readonly access: AccessPort;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Node derives keys on its four threads for such work; as many are left for names and files. */
const derivationsAtOnce = 2;
const maxWaitingPerEndpoint = 64;
const maxKeys = 10_000;
/** Unused for so long, keys are forgotten. */
const keysIdleMs = 600_000;

export function createPasswordCheck({ access, now }: PasswordCheckDeps): PasswordCheck {
  const verifiers = new VerifierCache(access, now);
  const queue = new FairQueue({ atOnce: derivationsAtOnce, maxWaitingPerLane: maxWaitingPerEndpoint });
  const proved = new LRUCache<string, ScramKeys>({ max: maxKeys, ttl: keysIdleMs, updateAgeOnGet: true });
  const underWay = new Map<string, Promise<ScramKeys | undefined>>();
  const hashKey = randomBytes(32);

  async function check(
    login: PasswordLogin,
    known: KnownVerifier,
    signal: AbortSignal,
  ): Promise<ScramKeys | undefined> {
    // Before anything that costs: no password is looked at.
    if (!isAllowedBy(known.allowedNetworks, login.address)) throw new GatewayError('IP_NOT_ALLOWED');
    const key = fingerprint(hashKey, login, known);
    const keys = proved.get(key);
    if (keys !== undefined) return keys;
    let derivation = underWay.get(key);
    if (derivation === undefined) {
      derivation = queue
        .run(login.endpoint, () => checkPassword(login.password, known.verifier))
        .then((derived) => {
          if (derived !== undefined) proved.set(key, derived);
          return derived;
        })
        .finally(() => underWay.delete(key));
      underWay.set(key, derivation);
    }
    return orAbort(derivation, signal);
  }

  return {
    async prove(login, signal) {
      const startedMs = now();
      let known = await verifiers.read(login, signal);
      let keys = await check(login, known, signal);
      if (keys === undefined && known.askedAtMs < startedMs) {
        // The password may be newer than what is known of it.
        const latest = await verifiers.readSince(login, startedMs, signal);
        if (latest.text !== known.text) keys = await check(login, latest, signal);
        known = latest;
      }
      if (keys === undefined) throw new GatewayError('PASSWORD_FAILED', { params: { user: login.role } });
      if (known.disabled) throw new GatewayError('ENDPOINT_DISABLED');
      return keys;
    },
  };
}

/** NUL is in none of the names, so no two logins have the same text. */
function fingerprint(
  hashKey: Uint8Array,
  { endpoint, role, password }: PasswordLogin,
  { text }: KnownVerifier,
): string {
  return createHmac('sha256', hashKey).update(`${endpoint}\0${role}\0${text}\0${password}`).digest('base64');
}
