import { beforeEach, describe, expect, it } from '@jest/globals';
import { deriveVerifier } from '@pgwake/client-auth';
import { GatewayError } from '@pgwake/gateway-errors';
import {
  type EndpointId,
  type RoleName,
  type SessionId,
  parseEndpointId,
  parseRoleName,
  parseSessionId,
} from '@pgwake/ids';
import type { EndpointAccess, EndpointAccessRequest } from '@pgwake/wake-api';
import { type PasswordCheck, createPasswordCheck } from './index.js';

const sessionId = parseSessionId('session-1') as SessionId;
const login = (password: string, endpoint = 'demo', role = 'app') => ({
  endpoint: parseEndpointId(endpoint) as EndpointId,
  role: parseRoleName(role) as RoleName,
  password,
  sessionId,
  address: '192.0.2.1',
});
const never = new AbortController().signal;
const quick = { iterations: 1 };

/** wake-service, as far as it knows who may log in; answers when told to. */
class Access {
  questions = 0;
  verifier = '';
  disabled = false;
  allowedNetworks: readonly string[] = [];
  failure: Error | undefined;
  gate: Promise<void> = Promise.resolve();

  async getEndpointAccess(_request: EndpointAccessRequest): Promise<EndpointAccess> {
    this.questions += 1;
    const { verifier, disabled, failure } = this;
    await this.gate;
    if (failure !== undefined) throw failure;
    return { verifier, disabled, allowedNetworks: this.allowedNetworks };
  }
}

let access: Access;
let nowMs: number;
let check: PasswordCheck;
beforeEach(async () => {
  access = new Access();
  access.verifier = await deriveVerifier('right', quick);
  nowMs = 1_000_000;
  check = createPasswordCheck({ access, verifiers: 'recent', now: () => nowMs });
});

describe('a client', () => {
  it('outside the allowed networks is refused before its password is looked at', async () => {
    access.allowedNetworks = ['198.51.100.0/24'];
    for (const each of [login('right'), login('wrong')]) {
      await expect(check.prove(each, never)).rejects.toMatchObject({ code: 'IP_NOT_ALLOWED' });
    }
    await expect(check.prove({ ...login('right'), address: '198.51.100.9' }, never)).resolves.toMatchObject({
      allowedNetworks: ['198.51.100.0/24'],
    });
    await expect(check.prove(login('right'), never)).rejects.toMatchObject({ code: 'IP_NOT_ALLOWED' });
  });
});

describe('a password', () => {
  it('that is right gives the keys of the role', async () => {
    const { keys } = await check.prove(login('right'), never);
    expect(keys.clientKey).toHaveLength(32);
    expect(keys.serverKey).toHaveLength(32);
  });

  it('that is wrong fails, with the same words whatever is wrong', async () => {
    for (const each of [login('wrong'), login(''), login('right\0'), login('wrong', 'nobody')]) {
      await expect(check.prove(each, never)).rejects.toMatchObject({
        code: 'PASSWORD_FAILED',
        message: 'password authentication failed for user "app"',
      });
    }
  });

  it('is checked without a question and without PBKDF2 as long as it is in use', async () => {
    await check.prove(login('right'), never);
    const { keys } = await check.prove(login('right'), never);
    // The same object: nothing was derived again.
    expect((await check.prove(login('right'), never)).keys).toBe(keys);
    expect(access.questions).toBe(1);
  });

  it('that was right stops working two seconds after it was changed', async () => {
    await check.prove(login('right'), never);
    access.verifier = await deriveVerifier('new', quick);
    nowMs += 2_001;
    await expect(check.prove(login('right'), never)).rejects.toThrow('password authentication failed');
  });

  it('that is new works at once', async () => {
    await check.prove(login('right'), never);
    access.verifier = await deriveVerifier('new', quick);
    nowMs += 10;
    await expect(check.prove(login('new'), never)).resolves.toBeDefined();
    // And what is known now is the new one.
    await expect(check.prove(login('right'), never)).rejects.toThrow('password authentication failed');
  });

  it('is looked at again in the background before it is too old', async () => {
    await check.prove(login('right'), never);
    nowMs += 1_500;
    await check.prove(login('right'), never);
    expect(access.questions).toBe(2);
    await new Promise(setImmediate); // for the answer to the question in the background
    nowMs += 1_500;
    await check.prove(login('right'), never);
    expect(access.questions).toBe(3);
  });

  it('of another endpoint or role is another one', async () => {
    const proofs = await Promise.all(
      [login('right'), login('right', 'other'), login('right', 'demo', 'other')].map((each) =>
        check.prove(each, never),
      ),
    );
    expect(new Set(proofs.map(({ fingerprint }) => fingerprint)).size).toBe(3);
    expect(access.questions).toBe(3);
  });

  it('is not let in on a disabled endpoint, and a wrong one does not learn of that', async () => {
    access.disabled = true;
    await expect(check.prove(login('right'), never)).rejects.toMatchObject({ code: 'ENDPOINT_DISABLED' });
    await expect(check.prove(login('wrong'), never)).rejects.toMatchObject({ code: 'PASSWORD_FAILED' });
  });
});

describe('many at once', () => {
  it('ask one question and derive once', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => check.prove(login('right'), never)));
    expect(new Set(all.map(({ keys }) => keys)).size).toBe(1);
    expect(access.questions).toBe(1);
  });

  it('with wrong passwords wait in turn, and too many of one endpoint are refused', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        check.prove(login(`wrong ${index}`), never).then(
          () => 'let in',
          (error: unknown) => (error instanceof GatewayError ? error.code : 'another error'),
        ),
      ),
    );
    expect(new Set(outcomes)).toEqual(new Set(['PASSWORD_FAILED', 'RATE_LIMITED']));
    expect(outcomes.filter((code) => code === 'PASSWORD_FAILED').length).toBeGreaterThanOrEqual(64);
  });

  it('with wrong passwords do not keep another endpoint waiting', async () => {
    access.verifier = await deriveVerifier('right', { iterations: 20_000 });
    let failed = 0;
    const storm = Array.from({ length: 60 }, (_, index) =>
      check.prove(login(`wrong ${index}`), never).catch(() => (failed += 1)),
    );
    await check.prove(login('right', 'other'), never);
    expect(failed).toBeLessThan(10);
    await Promise.all(storm);
    expect(failed).toBe(60);
  });
});

describe('where verifiers are read live', () => {
  beforeEach(() => {
    check = createPasswordCheck({ access, verifiers: 'live', now: () => nowMs });
  });

  it('a password that was changed stops working with the next login, and the new one works with it', async () => {
    await check.prove(login('right'), never);
    access.verifier = await deriveVerifier('new', quick);
    nowMs += 1;
    await expect(check.prove(login('right'), never)).rejects.toMatchObject({ code: 'PASSWORD_FAILED' });
    nowMs += 1;
    await expect(check.prove(login('new'), never)).resolves.toBeDefined();
    expect(access.questions).toBe(3);
  });

  it('each login is answered by a question that is not older, and PBKDF2 is still paid once', async () => {
    const { keys } = await check.prove(login('right'), never);
    let open = () => undefined as void;
    access.gate = new Promise((resolve) => (open = resolve));
    nowMs += 1;
    const first = check.prove(login('right'), never);
    nowMs += 1;
    const crowd = Array.from({ length: 50 }, () => check.prove(login('right'), never));
    open();
    for (const proof of await Promise.all([first, ...crowd])) expect(proof.keys).toBe(keys);
    // The first one's, and one for all who came while it was under way.
    expect(access.questions).toBe(3);
  });

  it('a wrong password costs one question', async () => {
    await expect(check.prove(login('wrong'), never)).rejects.toMatchObject({ code: 'PASSWORD_FAILED' });
    expect(access.questions).toBe(1);
  });
});

describe('when wake-service does not answer', () => {
  it('nobody is let in by what was known two seconds ago', async () => {
    await check.prove(login('right'), never);
    access.failure = new GatewayError('WAKE_SERVICE_UNAVAILABLE');
    nowMs += 1_900;
    await expect(check.prove(login('right'), never)).resolves.toBeDefined();
    nowMs += 200;
    await expect(check.prove(login('right'), never)).rejects.toMatchObject({ code: 'WAKE_SERVICE_UNAVAILABLE' });
    access.failure = undefined;
    await expect(check.prove(login('right'), never)).resolves.toBeDefined();
  });

  it('a client may leave, and the others get their answer', async () => {
    let open = () => undefined as void;
    access.gate = new Promise((resolve) => (open = resolve));
    const leaving = new AbortController();
    const leaver = check.prove(login('right'), leaving.signal);
    const stayer = check.prove(login('right'), never);
    leaving.abort(new GatewayError('CLIENT_GONE'));
    await expect(leaver).rejects.toMatchObject({ code: 'CLIENT_GONE' });
    open();
    await expect(stayer).resolves.toBeDefined();
    expect(access.questions).toBe(1);
  });

  it('a malformed verifier lets nobody in', async () => {
    access.verifier = 'md5abc';
    await expect(check.prove(login('right'), never)).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});

describe('a proof given before', () => {
  const { endpoint, role, address } = login('right');

  it('counts at once as long as the verifier is the same and no older than two seconds', async () => {
    const proof = await check.prove(login('right'), never);
    expect(check.stillProves(proof, { endpoint, role, sessionId, address })).toBe(true);
    nowMs += 2_001;
    expect(check.stillProves(proof, { endpoint, role, sessionId, address })).toBe(false);
    await check.prove(login('right'), never);
    expect(check.stillProves(proof, { endpoint, role, sessionId, address })).toBe(true);
  });

  it('counts no more once the password was changed', async () => {
    const proof = await check.prove(login('right'), never);
    access.verifier = await deriveVerifier('other', quick);
    nowMs += 2_001;
    const newer = await check.prove(login('other'), never);
    expect(check.stillProves(proof, { endpoint, role, sessionId, address })).toBe(false);
    expect(check.stillProves(newer, { endpoint, role, sessionId, address })).toBe(true);
  });

  it('counts no more for an endpoint that was disabled, or from a network that is not allowed any more', async () => {
    const proof = await check.prove(login('right'), never);
    access.allowedNetworks = ['198.51.100.0/24'];
    nowMs += 2_001;
    await expect(check.prove(login('right'), never)).rejects.toMatchObject({ code: 'IP_NOT_ALLOWED' });
    expect(check.stillProves(proof, { endpoint, role, sessionId, address })).toBe(false);
    expect(check.stillProves(proof, { endpoint, role, sessionId, address: '198.51.100.9' })).toBe(true);
    access.disabled = true;
    nowMs += 2_001;
    await expect(check.prove({ ...login('right'), address: '198.51.100.9' }, never)).rejects.toMatchObject({
      code: 'ENDPOINT_DISABLED',
    });
    expect(check.stillProves(proof, { endpoint, role, sessionId, address: '198.51.100.9' })).toBe(false);
  });

  it('is nothing where each password is checked against a verifier of its own time', async () => {
    check = createPasswordCheck({ access, verifiers: 'live', now: () => nowMs });
    const proof = await check.prove(login('right'), never);
    expect(check.stillProves(proof, { endpoint, role, sessionId, address })).toBe(false);
  });
});
