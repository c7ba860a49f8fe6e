import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checkPassword, parseVerifier } from '@pgwake/client-auth';
import { identifyProcess, isAlive } from '@pgwake/compute-process';
import type { EndpointId, Generation, RoleName, SessionId } from '@pgwake/ids';
import { StartupError, loadSettings } from '@pgwake/nest-kit';
import { createLogger } from '@pgwake/telemetry';
import { findFreePort, waitFor } from '@pgwake/testkit';
import type { WokenNode } from '@pgwake/wake-api';
import { type WakeClient, createWakeClient } from '@pgwake/wake-client';
import { Client } from 'pg';
import { wakeServiceSettings } from './settings.js';
import { type WakeService, startWakeService } from './start-wake-service.js';

const log = createLogger({ app: 'wake-service', level: 'silent' });
const never = new AbortController().signal;
const sessionId = 'test-session' as SessionId;

let dataDir: string;
let grpcPort: number;
let service: WakeService;
let proxy: WakeClient;
let made = 0;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pgwake-wake-service-'));
  grpcPort = await findFreePort();
  service = await startWakeService(settings(), log);
  proxy = createWakeClient({ address: `127.0.0.1:${grpcPort}` });
});

afterAll(async () => {
  // The proxy is still connected: that must not hold it up.
  await service?.drain();
  proxy?.close();
  await rm(dataDir, { recursive: true, force: true });
});

function settings(overrides: Readonly<Record<string, string>> = {}) {
  return loadSettings(wakeServiceSettings, {
    PGWAKE_DATA_DIR: dataDir,
    PGWAKE_WAKE_GRPC_PORT: String(grpcPort),
    PGWAKE_WAKE_ADMIN_PORT: '0',
    PGWAKE_WAKE_OPS_PORT: '0',
    PGWAKE_ON_SHUTDOWN: 'suspend',
    ...overrides,
  });
}

interface Answer {
  readonly status: number;
  // The admin API is looked at as its callers see it.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const content = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: service.adminPort,
        method,
        path,
        headers: { 'content-type': 'application/json', ...headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text) });
        });
      },
    );
    sent.on('error', reject);
    sent.end(content);
  });
}

async function newEndpoint(more: Record<string, unknown> = {}): Promise<{ id: EndpointId; password: string }> {
  made += 1;
  const { status, body } = await call('POST', '/endpoints', { id: `demo-${made}`, ...more });
  expect(status).toBe(201);
  return { id: body.id, password: body.password };
}

async function wake(endpoint: EndpointId, suspectGeneration?: Generation): Promise<WokenNode> {
  const outcome = await proxy.wake({ endpoint, suspectGeneration, sessionId }, never);
  if (!outcome.ok) throw new Error(`${outcome.failure.reason}: ${outcome.failure.detail}`);
  return outcome.node;
}

async function login(node: WokenNode, password: string, user = 'app', database = 'app'): Promise<Client> {
  if (node.address.kind !== 'unix') throw new Error('the compute was to listen on a unix socket');
  const client = new Client({ host: node.address.socketDirectory, port: node.address.port, user, password, database });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function fits(endpoint: EndpointId, password: string, role = 'app'): Promise<boolean> {
  const { verifier } = await proxy.getEndpointAccess({ endpoint, role: role as RoleName, sessionId }, never);
  const parsed = parseVerifier(verifier);
  if (!parsed) throw new Error('not a verifier');
  return (await checkPassword(password, parsed)) !== undefined;
}

async function state(endpoint: EndpointId): Promise<string> {
  return (await call('GET', `/endpoints/${endpoint}`)).body.state;
}

async function killPostmaster(node: WokenNode): Promise<void> {
  if (node.address.kind !== 'unix') throw new Error('the compute was to listen on a unix socket');
  const lock = await readFile(join(node.address.socketDirectory, `.s.PGSQL.${node.address.port}.lock`), 'utf8');
  const postmaster = identifyProcess(Number(lock.split('\n')[0]));
  if (postmaster === undefined) throw new Error('there is no postmaster to kill');
  process.kill(postmaster.pid, 'SIGKILL');
  // The signal is on its way; on a busy machine the process may still be seen alive for a moment.
  await waitFor(() => !isAlive(postmaster), 5_000);
}

describe('a wake', () => {
  it('takes an endpoint from its creation to a compute that its owner can use', async () => {
    const { id, password } = await newEndpoint();
    expect(await state(id)).toBe('suspended');
    expect(await fits(id, password)).toBe(true);

    const node = await wake(id);
    expect(node).toMatchObject({ endpoint: id, generation: 1, startKind: 'started' });
    const client = await login(node, password);
    const { rows } = await client.query(
      `select current_setting('cluster_name') as cluster, rolsuper, rolcreatedb, rolcreaterole,
              (select datdba = pg_roles.oid from pg_database where datname = 'app') as owner
       from pg_roles where rolname = current_user`,
    );
    expect(rows[0]).toEqual({
      cluster: node.identity.kind === 'clusterName' ? node.identity.value : undefined,
      rolsuper: false,
      rolcreatedb: true,
      rolcreaterole: true,
      owner: true,
    });
    await client.end();
    expect(await wake(id)).toMatchObject({ generation: 1, startKind: 'running' });
  });

  it('is one start, however many ask for it', async () => {
    const { id } = await newEndpoint();
    const nodes = await Promise.all(Array.from({ length: 50 }, () => wake(id)));
    expect(new Set(nodes.map((node) => node.generation))).toEqual(new Set([1]));
    expect(nodes.filter((node) => node.startKind === 'started')).toHaveLength(1);
    expect(nodes.filter((node) => node.startKind === 'joined')).toHaveLength(49);
    await waitFor(async () => (await call('GET', `/endpoints/${id}/wakes`)).body.length === 1, 5_000);
  });

  it('goes on when its caller leaves', async () => {
    const { id } = await newEndpoint();
    const leaving = new AbortController();
    const left = proxy.wake({ endpoint: id, suspectGeneration: undefined, sessionId }, leaving.signal);
    await waitFor(async () => (await state(id)) !== 'suspended', 5_000);
    leaving.abort(new Error('the client left'));
    await left.catch(() => undefined);
    await waitFor(async () => (await state(id)) === 'running', 10_000);
  });

  it('during a suspend waits for its end and starts again', async () => {
    const { id } = await newEndpoint();
    await wake(id);
    const suspended = call('POST', `/endpoints/${id}/suspend`);
    await waitFor(async () => (await state(id)) !== 'running', 5_000);
    expect(await wake(id)).toMatchObject({ generation: 2 });
    expect((await suspended).status).toBe(200);
  });

  it('believes a suspicion only as far as it is true', async () => {
    const { id } = await newEndpoint();
    const node = await wake(id);
    expect(await wake(id, node.generation)).toMatchObject({ generation: 1, startKind: 'running' });
    await killPostmaster(node);
    expect(await wake(id, node.generation)).toMatchObject({ generation: 2, startKind: 'started' });
  });

  it('starts the next generation after a crash that nobody reported', async () => {
    const { id } = await newEndpoint();
    await killPostmaster(await wake(id));
    await waitFor(async () => (await state(id)) === 'suspended', 5_000);
    expect(await wake(id)).toMatchObject({ generation: 2 });
  });

  it('of an endpoint that is disabled or does not exist is refused', async () => {
    const { id } = await newEndpoint();
    await call('PATCH', `/endpoints/${id}`, { disabled: true });
    await expect(wake(id)).rejects.toThrow('ENDPOINT_DISABLED');
    await expect(wake('nowhere' as EndpointId)).rejects.toThrow('ENDPOINT_NOT_FOUND');
    const { status, body } = await call('POST', `/endpoints/${id}/wake`);
    expect([status, body.code]).toEqual([403, '08004']);
  });
});

describe('roles', () => {
  it('set while the compute sleeps count at once, and are in it when it is announced', async () => {
    const { id } = await newEndpoint();
    const set = await call('PUT', `/endpoints/${id}/roles/extra`, { password: 'first' });
    expect(set.body).toEqual({ name: 'extra', applied: 'atNextWake' });
    expect(await fits(id, 'first', 'extra')).toBe(true);
    const client = await login(await wake(id), 'first', 'extra');
    await client.end();
    expect((await call('GET', `/endpoints/${id}`)).body.roles).toEqual([
      { name: 'app', pending: false },
      { name: 'extra', pending: false },
    ]);
  });

  it('set while the compute runs are applied to it first', async () => {
    const { id } = await newEndpoint();
    const node = await wake(id);
    const { body } = await call('PUT', `/endpoints/${id}/roles/extra`);
    expect(body).toMatchObject({ name: 'extra', applied: 'now' });
    const client = await login(node, body.password, 'extra');
    await client.end();
    expect((await call('DELETE', `/endpoints/${id}/roles/extra`)).body.applied).toBe('now');
    await expect(login(node, body.password, 'extra')).rejects.toThrow('password authentication failed');
    expect(await fits(id, body.password, 'extra')).toBe(false);
  });

  it('changed in SQL count for the very next login, and after the compute went to sleep', async () => {
    const { id, password } = await newEndpoint();
    const client = await login(await wake(id), password);
    await client.query(`alter role app password 'changed in SQL'`);
    expect(await fits(id, 'changed in SQL')).toBe(true);
    await client.query(`create role made_in_sql login password 'too'`);
    expect(await fits(id, 'too', 'made_in_sql')).toBe(true);
    await client.end();
    await call('POST', `/endpoints/${id}/suspend`);
    expect(await fits(id, password)).toBe(false);
    expect(await fits(id, 'changed in SQL')).toBe(true);
    expect(await fits(id, 'too', 'made_in_sql')).toBe(true);
  });

  it('take tokens instead of a password, until somebody sets one', async () => {
    const { id, password } = await newEndpoint();
    const path = `/endpoints/${id}/roles/app/tokens`;
    const ask = () => proxy.getTokenAccess({ endpoint: id, role: 'app' as RoleName, sessionId }, never);
    expect(await ask()).toEqual({ login: undefined, disabled: false, allowedNetworks: [] });

    const rule = { jwksUrl: 'https://login.example/keys', issuer: 'https://login.example', audience: 'shop' };
    expect((await call('PUT', path, rule)).body).toEqual({ name: 'app', applied: 'atNextWake' });
    expect(await fits(id, password)).toBe(false);
    const { login: sleeping } = await ask();
    expect(sleeping?.rule).toEqual({
      keySet: { kind: 'url', url: rule.jwksUrl },
      issuer: rule.issuer,
      audience: rule.audience,
    });
    const node = await wake(id);
    const { login: awake } = await ask();
    expect(awake).toEqual(sleeping);
    await expect(login(node, password)).rejects.toThrow('password authentication failed');

    const jwks = { keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }] };
    expect((await call('PUT', path, { jwks })).body).toEqual({ name: 'app', applied: 'now' });
    expect((await ask()).login?.rule).toEqual({
      keySet: { kind: 'inline', jwks: JSON.stringify(jwks) },
      issuer: undefined,
      audience: undefined,
    });
    expect((await ask()).login?.clientKey).not.toEqual(awake?.clientKey);

    await call('PUT', `/endpoints/${id}/roles/app`, { password: 'mine' });
    expect((await ask()).login).toBeUndefined();
    await (await login(node, 'mine')).end();
    expect((await call('DELETE', path)).status).toBe(204);
    expect((await call('DELETE', path)).status).toBe(404);
  });

  it('that own something lose their login when they are dropped', async () => {
    const { id, password } = await newEndpoint();
    await call('DELETE', `/endpoints/${id}/roles/app`);
    expect(await fits(id, password)).toBe(false);
    const node = await wake(id);
    await expect(login(node, password)).rejects.toThrow('password authentication failed');
    await call('PUT', `/endpoints/${id}/roles/app`, { password: 'again' });
    await (await login(node, 'again')).end();
    expect((await call('DELETE', `/endpoints/${id}/roles/app`)).body.applied).toBe('now');
    await expect(login(node, 'again')).rejects.toThrow('password authentication failed');
  });

  it('that do not exist have a made-up verifier, the same one each time', async () => {
    const { id } = await newEndpoint();
    const read = async (endpoint: EndpointId, role: string) =>
      (await proxy.getEndpointAccess({ endpoint, role: role as RoleName, sessionId }, never)).verifier;
    const nobody = await read(id, 'nobody');
    expect(parseVerifier(nobody)).toMatchObject({ iterations: 4096 });
    await wake(id);
    expect(await read(id, 'nobody')).toBe(nobody);
    expect(await read(id, 'pgwake')).toBe(await read(id, 'pgwake'));
    const nowhere = 'nowhere' as EndpointId;
    expect(await read(nowhere, 'app')).toBe(await read(nowhere, 'app'));
    expect(await read(nowhere, 'app')).not.toBe(nobody);
  });
});

describe('idleness', () => {
  it('puts a compute to sleep although a client holds an idle connection', async () => {
    const { id, password } = await newEndpoint({ idleSuspendAfterMs: 600 });
    const client = await login(await wake(id), password);
    await client.query('select 1');
    const ended = new Promise((resolve) => client.once('end', resolve));
    await waitFor(async () => (await state(id)) === 'suspended', 20_000);
    await ended;
  });

  it('does not put a compute to sleep in the middle of a transaction', async () => {
    const { id, password } = await newEndpoint();
    const node = await wake(id);
    const client = await login(node, password);
    await client.query('begin');
    await call('PATCH', `/endpoints/${id}`, { idleSuspendAfterMs: 100 });
    // Longer than several windows, and no shorter in any way: the server itself measures it.
    await client.query('select pg_sleep(1)');
    expect(await state(id)).toBe('running');
    await client.query('commit');
    await waitFor(async () => (await state(id)) === 'suspended', 20_000);
  });
});

describe('the admin API', () => {
  it('says precisely what is wrong with a request', async () => {
    const { status, body } = await call('POST', '/endpoints', { id: '-no-', pasword: 'x', role: 'pgwake' });
    expect(status).toBe(400);
    expect(body).toMatchObject({ severity: 'ERROR', code: '22023', message: 'the request is not valid' });
    expect(body.detail).toContain('id: must be a DNS label');
    expect(body.detail).toContain('role: is reserved');
    expect(body.detail).toContain('pasword');
  });

  it.each([
    ['no JSON', 'POST', '/endpoints', '{', 400],
    ['too large', 'POST', '/endpoints', { id: 'x'.repeat(100_000) }, 413],
    ['an unknown endpoint', 'GET', '/endpoints/nowhere', undefined, 404],
    ['an unknown endpoint to wake', 'POST', '/endpoints/nowhere/wake', undefined, 404],
    ['an unknown endpoint to delete', 'DELETE', '/endpoints/nowhere', undefined, 404],
    ['a role of an unknown endpoint', 'PUT', '/endpoints/nowhere/roles/app', {}, 404],
    ['a reserved role', 'PUT', '/endpoints/nowhere/roles/pgwake', {}, 400],
    ['an unknown path', 'GET', '/nowhere', undefined, 404],
    ['a network that is none', 'PATCH', '/endpoints/nowhere', { allowedNetworks: ['10.0.0.0/33'] }, 400],
    ['a change of nothing', 'PATCH', '/endpoints/nowhere', {}, 400],
    ['tokens without keys', 'PUT', '/endpoints/nowhere/roles/app/tokens', {}, 400],
    [
      'tokens with a private key',
      'PUT',
      '/endpoints/nowhere/roles/app/tokens',
      { jwks: { keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'AA', d: 'AA' }] } },
      400,
    ],
    [
      'tokens with keys from a file',
      'PUT',
      '/endpoints/nowhere/roles/app/tokens',
      { jwksUrl: 'file:///etc/passwd' },
      400,
    ],
  ])('refuses %s', async (_, method, path, body, status) => {
    const answer = await call(method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ severity: 'ERROR', message: expect.any(String) });
  });

  it('refuses browsers and foreign host names', async () => {
    expect((await call('GET', '/endpoints', undefined, { origin: 'http://localhost' })).status).toBe(403);
    expect((await call('GET', '/endpoints', undefined, { host: 'evil.example' })).status).toBe(403);
    expect((await call('GET', '/endpoints', undefined, { host: 'localhost:1' })).status).toBe(200);
  });

  it('shows endpoints, and never a secret', async () => {
    const { id } = await newEndpoint({ database: 'orders', role: 'orders', idleSuspendAfterMs: 5_000 });
    expect((await call('POST', '/endpoints', { id })).status).toBe(409);
    const { body } = await call('GET', `/endpoints/${id}`);
    expect(body).toEqual({
      id,
      state: 'suspended',
      generation: 0,
      disabled: false,
      database: 'orders',
      owner: 'orders',
      idleSuspendAfterMs: 5_000,
      allowedNetworks: [],
      createdAt: expect.any(String),
      roles: [{ name: 'orders', pending: true }],
    });
    const list = await call('GET', '/endpoints');
    expect(list.body.map((endpoint: { id: string }) => endpoint.id)).toContain(id);
    expect(JSON.stringify([body, list.body])).not.toContain('SCRAM');
  });

  it('keeps from where clients may connect, and tells the proxies', async () => {
    const { id } = await newEndpoint({ allowedNetworks: ['10.0.0.0/8', '2001:db8::/32'] });
    const ask = () => proxy.getEndpointAccess({ endpoint: id, role: 'app' as RoleName, sessionId }, never);
    expect(await ask()).toMatchObject({ allowedNetworks: ['10.0.0.0/8', '2001:db8::/32'] });
    const { body } = await call('PATCH', `/endpoints/${id}`, { allowedNetworks: ['192.0.2.7'] });
    expect(body).toMatchObject({ allowedNetworks: ['192.0.2.7'] });
    expect(await ask()).toMatchObject({ allowedNetworks: ['192.0.2.7'] });
    await call('PATCH', `/endpoints/${id}`, { allowedNetworks: [] });
    expect(await ask()).toMatchObject({ allowedNetworks: [] });
  });

  it('removes an endpoint with its data, and goes on counting should it come back', async () => {
    const { id, password } = await newEndpoint();
    const client = await login(await wake(id), password);
    await client.query('create table kept (id int)');
    await client.end();
    expect((await call('DELETE', `/endpoints/${id}`)).status).toBe(204);
    expect((await call('GET', `/endpoints/${id}`)).status).toBe(404);
    await expect(wake(id)).rejects.toThrow('ENDPOINT_NOT_FOUND');

    const again = await call('POST', '/endpoints', { id, password: 'new' });
    expect(again.body.password).toBeUndefined();
    const node = await wake(id);
    expect(node.generation).toBe(2);
    const fresh = await login(node, 'new');
    expect((await fresh.query(`select to_regclass('kept') as kept`)).rows).toEqual([{ kept: null }]);
    await fresh.end();
  });

  it('remembers starts with their phases', async () => {
    const { id } = await newEndpoint();
    expect((await call('POST', `/endpoints/${id}/wake`)).body).toMatchObject({ generation: 1, startKind: 'started' });
    await waitFor(async () => (await call('GET', `/endpoints/${id}/wakes?limit=1`)).body.length === 1, 5_000);
    const { body } = await call('GET', `/endpoints/${id}/wakes`);
    expect(body[0]).toMatchObject({ generation: 1, reason: 'admin', outcome: 'started', detail: null });
    expect(Object.keys(body[0].phases)).toEqual(
      expect.arrayContaining(['begin', 'spawn', 'ready', 'roles', 'announce']),
    );
  });

  it('describes itself', async () => {
    const { body } = await call('GET', '/openapi.json');
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining([
        '/endpoints',
        '/endpoints/{id}',
        '/endpoints/{id}/roles/{role}',
        '/endpoints/{id}/wakes',
      ]),
    );
    expect(body.paths['/endpoints'].post.requestBody.content['application/json'].schema.required).toEqual(['id']);
  });
});

describe('the catalog', () => {
  it('may die: what runs goes on, and wakes are served again when it is back', async () => {
    const { id, password } = await newEndpoint();
    const client = await login(await wake(id), password);
    const lock = await readFile(join(dataDir, 'catalog', 'socket', '.s.PGSQL.5432.lock'), 'utf8');
    process.kill(Number(lock.split('\n')[0]), 'SIGKILL');
    expect((await client.query('select 1')).rowCount).toBe(1);
    const wokenAgain = async () => (await wake(id).catch(() => undefined))?.generation === 1;
    await waitFor(wokenAgain, 20_000);
    await client.end();
  });
});

describe('what keeps it from starting', () => {
  it.each([
    ['a taken gRPC port', () => ({ PGWAKE_WAKE_GRPC_PORT: String(grpcPort) }), 'PGWAKE_WAKE_GRPC_PORT'],
    ['a taken ops port', () => ({ PGWAKE_WAKE_OPS_PORT: String(service.opsPort) }), 'PGWAKE_WAKE_OPS_PORT'],
    ['a missing directory of binaries', () => ({ PGWAKE_POSTGRES_BIN_DIR: '/nowhere' }), '/nowhere'],
    [
      'a catalog that does not answer',
      () => ({ PGWAKE_CATALOG_URL: 'postgres://u:geheim@127.0.0.1:1/x' }),
      'PGWAKE_CATALOG_URL',
    ],
  ])('is told in one sentence: %s', async (_, overrides, words) => {
    const failure = await startWakeService(
      settings({ PGWAKE_DATA_DIR: join(dataDir, 'other'), PGWAKE_WAKE_GRPC_PORT: '0', ...overrides() }),
      log,
    ).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(StartupError);
    expect((failure as Error).message).toContain(words);
    expect((failure as Error).message).not.toContain('geheim');
  });
});
