// Tokens (JWT) in place of passwords: from the admin port over wake-service and http-proxy to the role at the compute.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { neon, neonConfig } from '@neondatabase/serverless';
import { System, type TestEndpoint, waitFor } from '@pgwake/testkit';
import { type GenerateKeyPairResult, SignJWT, exportJWK, generateKeyPair } from 'jose';

const limitMs = 120_000;

let system: System;
let shop: TestEndpoint;
let pair: GenerateKeyPairResult;

beforeAll(async () => {
  pair = await generateKeyPair('ES256');
  system = await System.start({ tcpProxies: [], httpProxies: [{}], env: { PGWAKE_LOG_LEVEL: 'debug' } });
  shop = await system.createEndpoint('shop');
  await system.createEndpoint('other');
  neonConfig.fetchEndpoint = `${system.httpUrl()}/sql`;
  const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'first', alg: 'ES256' }] };
  await system.admin('PUT', '/endpoints/shop/roles/web/tokens', { jwks, audience: 'shop' });
}, limitMs);
afterAll(() => system?.stop(), limitMs);

function sign(audience = 'shop', expires = '5m'): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'first' })
    .setAudience(audience)
    .setExpirationTime(expires)
    .sign(pair.privateKey);
}

const as = (role: string, endpoint = 'shop') => `postgresql://${role}@${endpoint}.localhost/${shop.database}`;

describe('a client with a token', () => {
  it(
    'wakes the compute and is the role that the token is for',
    async () => {
      const sql = neon(as('web'), { authToken: await sign() });
      expect(await sql`select current_user as who, session_user as login`).toEqual([{ who: 'web', login: 'web' }]);
      expect(await system.show('shop')).toMatchObject({ state: 'running', generation: 1 });
    },
    limitMs,
  );

  it.each([
    ['whose token is for somebody else', () => sign('other'), 'web', 'shop'],
    ['whose token has ended', () => sign('shop', '-5m'), 'web', 'shop'],
    ['of a role that takes none', () => sign(), 'app', 'shop'],
    ['of an endpoint that takes none', () => sign(), 'web', 'other'],
    ['of an endpoint that does not exist', () => sign(), 'web', 'nowhere'],
  ])('%s is refused as one with a wrong password', async (_what, token, role, endpoint) => {
    await expect(neon(as(role, endpoint), { authToken: await token() })`select 1`).rejects.toMatchObject({
      code: '28P01',
      message: `password authentication failed for user "${role}"`,
    });
  });

  it('is not let in any more once the role has a password', async () => {
    const sql = neon(as('web'), { authToken: await sign() });
    await sql`alter role web password 'mine now'`;
    const refused = async (): Promise<boolean> =>
      sql`select 1`.then(
        () => false,
        // Under load a request may fail for another reason.
        (error: unknown) => (error as { code?: unknown }).code === '28P01',
      );
    // What was known of the role counts for two seconds.
    await waitFor(refused, 10_000);
    expect(await refused()).toBe(true);
    const withPassword = neon(as('web').replace('web@', 'web:mine%20now@'));
    expect(await withPassword`select current_user as who`).toEqual([{ who: 'web' }]);
  });

  it('leaves no token in any log', async () => {
    const token = await sign();
    await neon(as('web'), { authToken: token })`select 1`.catch(() => undefined);
    const logs = system.logOf('http-proxy') + system.logOf('wake-service');
    expect(logs).toContain('PASSWORD_FAILED');
    expect(logs).not.toContain(token.split('.')[2]);
  });
});
