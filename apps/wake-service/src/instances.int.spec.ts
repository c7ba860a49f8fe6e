import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { EndpointId, SessionId } from '@pgwake/ids';
import { loadSettings } from '@pgwake/nest-kit';
import { createLogger } from '@pgwake/telemetry';
import { findFreePort, startTestPostgres, waitFor } from '@pgwake/testkit';
import type { WokenNode } from '@pgwake/wake-api';
import { type WakeClient, createWakeClient } from '@pgwake/wake-client';
import { Client } from 'pg';
import { wakeServiceSettings } from './settings.js';
import { type WakeService, startWakeService } from './start-wake-service.js';

const log = createLogger({ app: 'wake-service', level: 'silent' });
const never = new AbortController().signal;
const mainFile = fileURLToPath(new URL('../dist/main.js', import.meta.url));

interface Instance {
  readonly proxy: WakeClient;
  readonly adminPort: number;
  end(): Promise<void>;
}

let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
let dataDir: string;
let made = 0;
const running = new Set<Instance>();

beforeAll(async () => {
  postgres = await startTestPostgres();
  dataDir = await mkdtemp(join(tmpdir(), 'pgwake-instances-'));
});

afterEach(async () => {
  await Promise.all([...running].map((instance) => instance.end()));
});

afterAll(async () => {
  // Whatever a test left running is adopted once more, and suspended.
  const last = await startInstance({ PGWAKE_ON_SHUTDOWN: 'suspend' });
  await last.end();
  await postgres.stop();
  // A copy of the template that a killed instance had begun may still be going on.
  await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

async function environment(overrides: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const { user, password, host, port, database } = postgres.connectionConfig;
  return {
    PGWAKE_DATA_DIR: dataDir,
    PGWAKE_CATALOG_URL: `postgres://${user}:${password}@${host}:${port}/${database}`,
    PGWAKE_WAKE_GRPC_PORT: String(await findFreePort()),
    PGWAKE_WAKE_ADMIN_PORT: '0',
    PGWAKE_WAKE_OPS_PORT: '0',
    PGWAKE_ON_SHUTDOWN: 'leave',
    ...overrides,
  };
}

async function startInstance(overrides: Readonly<Record<string, string>> = {}): Promise<Instance> {
  const env = await environment(overrides);
  const service: WakeService = await startWakeService(loadSettings(wakeServiceSettings, env), log);
  const proxy = createWakeClient({ address: `127.0.0.1:${env['PGWAKE_WAKE_GRPC_PORT']}` });
  const instance: Instance = {
    proxy,
    adminPort: service.adminPort,
    async end() {
      running.delete(instance);
      proxy.close();
      await service.drain();
    },
  };
  running.add(instance);
  return instance;
}

async function newEndpoint(adminPort: number): Promise<{ id: EndpointId; password: string }> {
  made += 1;
  const response = await fetch(`http://127.0.0.1:${adminPort}/endpoints`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: `demo-${made}` }),
  });
  expect(response.status).toBe(201);
  return (await response.json()) as { id: EndpointId; password: string };
}

async function wake({ proxy }: Pick<Instance, 'proxy'>, endpoint: EndpointId): Promise<WokenNode> {
  const outcome = await proxy.wake(
    { endpoint, suspectGeneration: undefined, sessionId: 'test-session' as SessionId },
    never,
  );
  if (!outcome.ok) throw new Error(`${outcome.failure.reason}: ${outcome.failure.detail}`);
  return outcome.node;
}

async function backendStart(node: WokenNode, password: string): Promise<string> {
  if (node.address.kind !== 'unix') throw new Error('the compute was to listen on a unix socket');
  const { socketDirectory: host, port } = node.address;
  const client = new Client({ host, port, user: 'app', password, database: 'app' });
  await client.connect();
  const { rows } = await client.query<{ started: string }>('select pg_postmaster_start_time()::text as started');
  await client.end();
  return rows[0]?.started ?? '';
}

describe('two instances on one catalog', () => {
  it('start a compute once, and both know where it is', async () => {
    const [one, two] = [await startInstance(), await startInstance()];
    const { id } = await newEndpoint(one.adminPort);
    const nodes = await Promise.all([one, two, one, two, one, two].map((instance) => wake(instance, id)));
    expect(new Set(nodes.map((node) => node.generation))).toEqual(new Set([1]));
    expect(nodes.filter((node) => node.startKind === 'started')).toHaveLength(1);
  });

  it('suspend what the other one has started', async () => {
    const [one, two] = [await startInstance(), await startInstance()];
    const { id } = await newEndpoint(one.adminPort);
    await wake(one, id);
    const suspended = await fetch(`http://127.0.0.1:${two.adminPort}/endpoints/${id}/suspend`, { method: 'POST' });
    expect(await suspended.json()).toMatchObject({ state: 'suspended', generation: 1 });
    expect(await wake(one, id)).toMatchObject({ generation: 2 });
  });

  it('take over when one of them ends', async () => {
    const [one, two] = [await startInstance(), await startInstance()];
    const { id, password } = await newEndpoint(one.adminPort);
    const started = await backendStart(await wake(one, id), password);
    await one.end();
    const node = await wake(two, id);
    expect(node).toMatchObject({ generation: 1, startKind: 'running' });
    expect(await backendStart(node, password)).toBe(started);
  });
});

describe('the next instance', () => {
  it('adopts what an earlier one left running, and can suspend it', async () => {
    const one = await startInstance();
    const { id, password } = await newEndpoint(one.adminPort);
    const started = await backendStart(await wake(one, id), password);
    await one.end();

    const two = await startInstance();
    const node = await wake(two, id);
    expect(node).toMatchObject({ generation: 1, startKind: 'running' });
    expect(await backendStart(node, password)).toBe(started);
    const suspended = await fetch(`http://127.0.0.1:${two.adminPort}/endpoints/${id}/suspend`, { method: 'POST' });
    expect(await suspended.json()).toMatchObject({ state: 'suspended' });
    expect(await wake(two, id)).toMatchObject({ generation: 2 });
  });

  it('finds every compute after kill -9, whatever it was doing', async () => {
    if (!existsSync(mainFile)) throw new Error('build wake-service first');
    const env = await environment({});
    const killed = spawn(process.execPath, [mainFile], {
      env: { ...process.env, ...env, NODE_OPTIONS: '', PGWAKE_LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const adminPort = await adminPortOf(killed);
    const proxy = createWakeClient({ address: `127.0.0.1:${env['PGWAKE_WAKE_GRPC_PORT']}` });
    const settled = await newEndpoint(adminPort);
    const started = await backendStart(await wake({ proxy }, settled.id), settled.password);
    const starting = await newEndpoint(adminPort);
    const lost = wake({ proxy }, starting.id).catch(() => 'lost');
    const observer = new Client(postgres.connectionConfig);
    await observer.connect();
    const stateOf = async (id: EndpointId) =>
      (await observer.query<{ state: string }>('select state from pgwake.endpoints where id = $1', [id])).rows[0]
        ?.state;
    await waitFor(async () => (await stateOf(starting.id)) === 'starting', 10_000);
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    proxy.close();
    expect(await lost).toBe('lost');
    expect(await stateOf(starting.id)).toBe('starting');

    const next = await startInstance();
    const node = await wake(next, settled.id);
    expect(node).toMatchObject({ generation: 1, startKind: 'running' });
    expect(await backendStart(node, settled.password)).toBe(started);
    const woken = await wake(next, starting.id);
    expect([1, 2]).toContain(woken.generation);
    await backendStart(woken, starting.password);
    await observer.end();
  });
});

function adminPortOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const port = /"adminPort":(\d+)/.exec(text)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
    child.once('exit', () => reject(new Error(`wake-service did not start: ${text}`)));
  });
}
