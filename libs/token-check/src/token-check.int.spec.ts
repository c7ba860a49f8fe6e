// Tokens signed by real keys, key sets from a real HTTPS server. Only wake-service is played.

import { createServer as createHttpServer } from 'node:http';
import { type Server, createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { EndpointId, RoleName, SessionId } from '@pgwake/ids';
import { type CertificatePem, makeCertificate } from '@pgwake/local-certificate';
import { type LeakCheck, startLeakCheck } from '@pgwake/testkit';
import type { TokenAccess, TokenRule } from '@pgwake/wake-api';
import { type GenerateKeyPairResult, type JWK, SignJWT, exportJWK, generateKeyPair } from 'jose';
import { type TokenCheck, createKeyFetch, createTokenCheck } from './index.js';

const never = new AbortController().signal;
const keys = { clientKey: Buffer.alloc(32, 1), serverKey: Buffer.alloc(32, 2) };
const startedAt = new Date('2026-06-01T12:00:00Z');

let certificate: CertificatePem;
let leaks: LeakCheck;
let issuer: Issuer | undefined;
let nowMs: number;
let access: TokenAccess;
let asked: number;
const pairs = new Map<string, GenerateKeyPairResult>();

beforeAll(async () => {
  certificate = await makeCertificate();
  for (const algorithm of ['RS256', 'ES256', 'EdDSA', 'RS512']) {
    pairs.set(algorithm, await generateKeyPair(algorithm, { extractable: true }));
  }
});
beforeEach(() => {
  leaks = startLeakCheck();
  nowMs = 0;
  asked = 0;
});
afterEach(async () => {
  await issuer?.stop();
  issuer = undefined;
  await leaks.expectNothingLeft();
});

interface Issuer {
  readonly url: string;
  /** Of the set. */
  keys: JWK[];
  answer: 'keys' | 'error' | 'redirect' | 'endless';
  fetches: number;
  stop(): Promise<void>;
}

async function startIssuer(): Promise<Issuer> {
  const server: Server = createServer({ cert: certificate.cert, key: certificate.key }, (_request, response) => {
    self.fetches += 1;
    switch (self.answer) {
      case 'keys':
        return void response.end(JSON.stringify({ keys: self.keys }));
      case 'error':
        return void response.writeHead(500).end();
      case 'redirect':
        return void response.writeHead(302, { location: self.url }).end();
      case 'endless': {
        const pour = (): void => void response.write(Buffer.alloc(16_384, 32), pour);
        response.on('error', () => undefined);
        return pour();
      }
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const self: Issuer = {
    url: `https://localhost:${(server.address() as AddressInfo).port}/keys`,
    keys: [await publicKey('ES256', 'first')],
    answer: 'keys',
    fetches: 0,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return (issuer = self);
}

async function publicKey(algorithm: string, kid: string): Promise<JWK> {
  const pair = pairs.get(algorithm);
  if (pair === undefined) throw new Error(`no pair for ${algorithm}`);
  return { ...(await exportJWK(pair.publicKey)), kid, alg: algorithm, use: 'sig' };
}

function createCheck(rule: TokenRule | undefined, networks: readonly string[] = ['127.0.0.0/8']): TokenCheck {
  access = { login: rule && { rule, ...keys }, disabled: false, allowedNetworks: [] };
  return createTokenCheck({
    access: {
      getTokenAccess: () => {
        asked += 1;
        return Promise.resolve(access);
      },
    },
    fetchKeys: createKeyFetch({ networks, ca: certificate.ca }),
    now: () => nowMs,
    wallClock: () => new Date(startedAt.getTime() + nowMs),
  });
}

const byUrl = (url: string, more: Partial<TokenRule> = {}): TokenRule => ({
  keySet: { kind: 'url', url },
  issuer: undefined,
  audience: undefined,
  ...more,
});

async function inline(algorithm: string, more: Partial<TokenRule> = {}): Promise<TokenRule> {
  const jwks = JSON.stringify({ keys: [await publicKey(algorithm, 'first')] });
  return { keySet: { kind: 'inline', jwks }, issuer: undefined, audience: undefined, ...more };
}

interface TokenParts {
  readonly algorithm: string;
  readonly kid: string;
  readonly expiresInSeconds: number | undefined;
  readonly claims: Record<string, unknown>;
}

async function sign(parts: Partial<TokenParts> = {}): Promise<string> {
  const { algorithm = 'ES256', kid = 'first', claims = {} } = parts;
  const expiresIn = 'expiresInSeconds' in parts ? parts.expiresInSeconds : 600;
  const token = new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid });
  if (expiresIn !== undefined) token.setExpirationTime(Math.floor(startedAt.getTime() / 1_000) + expiresIn);
  return token.sign((pairs.get(algorithm) as GenerateKeyPairResult).privateKey);
}

const login = (token: string, address = '192.0.2.1') => ({
  endpoint: 'demo' as EndpointId,
  role: 'web' as RoleName,
  sessionId: 'session-0001' as SessionId,
  token,
  address,
});

describe('a token', () => {
  it.each(['RS256', 'ES256', 'EdDSA'])(
    'signed with %s by a key of the role gives the keys for the login',
    async (algorithm) => {
      const check = createCheck(await inline(algorithm));
      expect(await check.prove(login(await sign({ algorithm })), never)).toMatchObject({ keys });
    },
  );

  it('may be up to half a minute late, and no later', async () => {
    const check = createCheck(await inline('ES256'));
    const token = await sign({ expiresInSeconds: 10 });
    nowMs = 35_000;
    expect(await check.prove(login(token), never)).toMatchObject({ keys });
    nowMs = 45_000;
    await expect(check.prove(login(token), never)).rejects.toMatchObject({ code: 'PASSWORD_FAILED' });
  });

  it('has to be for this audience and of this issuer where the rule says so', async () => {
    const check = createCheck(await inline('ES256', { issuer: 'https://login.example', audience: 'shop' }));
    const good = { iss: 'https://login.example', aud: ['other', 'shop'] };
    expect(await check.prove(login(await sign({ claims: good })), never)).toMatchObject({ keys });
    for (const claims of [{ ...good, aud: 'other' }, { ...good, iss: 'https://evil.example' }, {}]) {
      await expect(check.prove(login(await sign({ claims })), never)).rejects.toMatchObject({
        code: 'PASSWORD_FAILED',
      });
    }
  });

  it('is asked about at wake-service once in a while only', async () => {
    const check = createCheck(await inline('ES256'));
    const token = await sign();
    for (let turn = 0; turn < 10; turn++) await check.prove(login(token), never);
    expect(asked).toBe(1);
  });
});

describe('what is refused, in the same words as a wrong password', () => {
  const refusal = { code: 'PASSWORD_FAILED', message: 'password authentication failed for user "web"' };

  it.each<[string, () => Promise<string>]>([
    ['of another key', () => sign({ algorithm: 'RS256', kid: 'first' })],
    ['of an algorithm that is not taken', () => sign({ algorithm: 'RS512' })],
    ['without an end', () => sign({ expiresInSeconds: undefined })],
    ['that has ended', () => sign({ expiresInSeconds: -60 })],
    ['that has not begun', () => sign({ claims: { nbf: Math.floor(startedAt.getTime() / 1_000) + 60 } })],
    ['that nobody signed', async () => `${(await sign()).split('.').slice(0, 2).join('.')}.`],
    ['whose header says "none"', async () => `eyJhbGciOiJub25lIn0.${(await sign()).split('.')[1]}.`],
    ['whose claims were changed', async () => (await sign()).replace(/\.[^.]+\./, '.eyJleHAiOjk5OTk5OTk5OTl9.')],
    ['that is none', async () => 'Bearer x'],
    ['that is empty', async () => ''],
    ['that is endless', async () => 'x'.repeat(10_000)],
  ])('a token %s', async (_what, make) => {
    const check = createCheck(await inline('ES256'));
    await expect(check.prove(login(await make()), never)).rejects.toMatchObject(refusal);
  });

  it('any token for a role that takes none', async () => {
    const check = createCheck(undefined);
    await expect(check.prove(login(await sign()), never)).rejects.toMatchObject(refusal);
  });

  it('but an address that may not connect, and a disabled endpoint, are told', async () => {
    const check = createCheck(await inline('ES256'));
    const token = await sign();
    access = { ...access, allowedNetworks: ['10.0.0.0/8'] };
    await expect(check.prove(login(token), never)).rejects.toMatchObject({ code: 'IP_NOT_ALLOWED' });
    access = { ...access, disabled: true };
    nowMs = 3_000;
    await expect(check.prove(login(token, '10.1.2.3'), never)).rejects.toMatchObject({ code: 'ENDPOINT_DISABLED' });
  });
});

describe('a key set at a URL', () => {
  it('is fetched once, also by many at once', async () => {
    const { url } = await startIssuer();
    const check = createCheck(byUrl(url));
    const token = await sign();
    await Promise.all(Array.from({ length: 20 }, () => check.prove(login(token), never)));
    await check.prove(login(token), never);
    expect(issuer?.fetches).toBe(1);
  });

  it('is fetched again for a key that it does not hold, but not more often than every half minute', async () => {
    const { url } = await startIssuer();
    const check = createCheck(byUrl(url));
    await check.prove(login(await sign()), never);
    const newer = await sign({ algorithm: 'EdDSA', kid: 'second' });
    await expect(check.prove(login(newer), never)).rejects.toMatchObject({ code: 'PASSWORD_FAILED' });
    expect(issuer?.fetches).toBe(1);
    issuer?.keys.push(await publicKey('EdDSA', 'second'));
    nowMs = 30_000;
    expect(await check.prove(login(newer), never)).toMatchObject({ keys });
    expect(issuer?.fetches).toBe(2);
  });

  it('that cannot be had again counts for an hour more', async () => {
    const { url } = await startIssuer();
    const check = createCheck(byUrl(url));
    const token = await sign({ expiresInSeconds: 36_000 });
    await check.prove(login(token), never);
    (issuer as Issuer).answer = 'error';
    nowMs = 3_000_000;
    expect(await check.prove(login(token), never)).toMatchObject({ keys });
    nowMs = 3_700_000;
    await expect(check.prove(login(token), never)).rejects.toMatchObject({ code: 'TOKEN_KEYS_UNAVAILABLE' });
    expect(issuer?.fetches).toBeGreaterThan(1);
  });

  it.each(['error', 'redirect', 'endless'] as const)('is not there when the answer is: %s', async (answer) => {
    const { url } = await startIssuer();
    (issuer as Issuer).answer = answer;
    const check = createCheck(byUrl(url));
    await expect(check.prove(login(await sign()), never)).rejects.toMatchObject({ code: 'TOKEN_KEYS_UNAVAILABLE' });
    expect(issuer?.fetches).toBe(1);
  });

  it('inside our network is out of reach unless that is allowed', async () => {
    const { url } = await startIssuer();
    const check = createCheck(byUrl(url), []);
    await expect(check.prove(login(await sign()), never)).rejects.toMatchObject({ code: 'TOKEN_KEYS_UNAVAILABLE' });
    expect(issuer?.fetches).toBe(0);
  });

  it.each([
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://169.254.169.254/latest/meta-data',
    'https://10.1.2.3/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://localhost/',
    'http://192.0.2.1/',
    'file:///etc/passwd',
  ])('%s is never asked', async (url) => {
    await expect(createKeyFetch({ networks: [] })(url, never)).rejects.toThrow(/no address|no way to fetch/);
  });

  it('may come without TLS from a network that is allowed', async () => {
    const jwks = JSON.stringify({ keys: [await publicKey('ES256', 'first')] });
    const server = createHttpServer((_request, response) => response.end(jwks));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const check = createCheck(byUrl(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`));
    expect(await check.prove(login(await sign()), never)).toMatchObject({ keys });
    server.close();
    server.closeAllConnections();
  });
});
