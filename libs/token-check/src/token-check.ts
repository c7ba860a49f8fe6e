// Proves that a client which comes with a token (JWT, RFC 7519) may be the role that it names, while the compute may sleep.
// The rule of that role says whose tokens count; with them come the keys to log in with.
//
// An unknown endpoint, an unknown role, one that takes no tokens and a token that is not right give the same error.

import { createHash } from 'node:crypto';
import type { ScramKeys } from '@pgwake/client-auth';
import { GatewayError } from '@pgwake/gateway-errors';
import type { EndpointId, RoleName, SessionId } from '@pgwake/ids';
import { isAllowedBy } from '@pgwake/ip-networks';
import { AnswerCache, type PasswordProof } from '@pgwake/password-check';
import type { EndpointAccessRequest, TokenAccess, TokenRule } from '@pgwake/wake-api';
import { type JWTVerifyGetKey, errors, jwtVerify } from 'jose';
import type { KeyFetch } from './key-fetch.js';
import { KeySets } from './key-sets.js';

export interface TokenLogin {
  readonly endpoint: EndpointId;
  readonly role: RoleName;
  /** The JWT, as it stands behind `Bearer`. */
  readonly token: string;
  readonly sessionId: SessionId;
  /** The IP address of the client. */
  readonly address: string;
}

export interface TokenCheck {
  /**
   * Resolves with what a login at the compute needs. Rejects with IP_NOT_ALLOWED, PASSWORD_FAILED, ENDPOINT_DISABLED,
   * TOKEN_KEYS_UNAVAILABLE, WAKE_SERVICE_UNAVAILABLE, or with the reason of `signal`.
   */
  prove(login: TokenLogin, signal: AbortSignal): Promise<PasswordProof>;
}

export interface TokenCheckDeps {
  readonly access: { getTokenAccess(request: EndpointAccessRequest, signal: AbortSignal): Promise<TokenAccess> };
  readonly fetchKeys: KeyFetch;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** For `exp` and `nbf`. */
  readonly wallClock: () => Date;
}

const algorithms = ['RS256', 'ES256', 'EdDSA', 'Ed25519'];
const clockToleranceSeconds = 30;
const maxTokenBytes = 8_192;

export function createTokenCheck({ access, fetchKeys, now, wallClock }: TokenCheckDeps): TokenCheck {
  const answers = new AnswerCache((request, signal) => access.getTokenAccess(request, signal), now);
  const keySets = new KeySets(fetchKeys, now);

  async function verifyBy(rule: TokenRule, token: string, signal: AbortSignal): Promise<void> {
    const { keySet } = rule;
    if (keySet.kind === 'inline') return verify(rule, keySets.parse(keySet.jwks), token, wallClock());
    const set = await orUnavailable(keySets.get(keySet.url, signal), signal);
    try {
      await verify(rule, set.getKey, token, wallClock());
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      const newer = await orUnavailable(keySets.getNewer(keySet.url, set, signal), signal);
      if (newer === undefined) throw error;
      await verify(rule, newer.getKey, token, wallClock());
    }
  }

  return {
    async prove(login, signal) {
      const { answer } = await answers.read(login, signal);
      if (!isAllowedBy(answer.allowedNetworks, login.address)) throw new GatewayError('IP_NOT_ALLOWED');
      const found = answer.login;
      if (found === undefined) throw refused(login, 'the role takes no tokens');
      if (login.token.length > maxTokenBytes) throw refused(login, 'the token is too long');
      try {
        await verifyBy(found.rule, login.token, signal);
      } catch (error) {
        // jose's words are about the token; they are for the log.
        throw error instanceof errors.JOSEError ? refused(login, error.message) : error;
      }
      if (answer.disabled) throw new GatewayError('ENDPOINT_DISABLED');
      return toProof(found);
    },
  };
}

/** All right tokens of a role are one proof: they log in with the same keys. */
function toProof({ clientKey, serverKey }: ScramKeys): PasswordProof {
  const fingerprint = createHash('sha256').update('token').update(clientKey).digest('base64');
  return { keys: { clientKey, serverKey }, fingerprint };
}

async function verify(
  { issuer, audience }: TokenRule,
  getKey: JWTVerifyGetKey,
  token: string,
  currentDate: Date,
): Promise<void> {
  await jwtVerify(token, getKey, {
    algorithms,
    currentDate,
    clockTolerance: clockToleranceSeconds,
    // One that never ends could not be taken back.
    requiredClaims: ['exp'],
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  });
}

async function orUnavailable<T>(keys: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await keys;
  } catch (error) {
    signal.throwIfAborted();
    const detail = error instanceof Error ? error.message : String(error);
    throw new GatewayError('TOKEN_KEYS_UNAVAILABLE', { detail, cause: error });
  }
}

function refused({ role }: TokenLogin, detail: string): GatewayError {
  return new GatewayError('PASSWORD_FAILED', { params: { user: role }, detail });
}
