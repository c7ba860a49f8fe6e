import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type EndpointId, type Generation, millis, parseEndpointId } from '@pgwake/ids';
import type { ComputeDriver, ComputeRef, RunningCompute } from '@pgwake/wake-core';
import pg from 'pg';
import { spawnIdentity } from './database-user.js';
import { findPostmaster } from './leftovers.js';
import { createProcessDriver, type ProcessDriverSettings } from './process-driver.js';
import { type ProcessHome, prepareHome } from './process-home.js';
import { identifyProcess, processTable } from './process-table.js';
import { placeOf } from './cluster-place.js';

const patient = new AbortController().signal;
const limit = millis(5_000);
const dataDir = mkdtempSync(join(tmpdir(), 'pgwake-driver-'));
const onLinux = process.platform === 'linux' ? it : it.skip;
let home: ProcessHome;
let drivers: ComputeDriver[] = [];
let helpers: ChildProcess[] = [];
let endpoints = 0;

beforeAll(async () => {
  home = await prepareHome({ dataDir });
});

afterEach(async () => {
  for (const helper of helpers) helper.kill('SIGKILL');
  for (const driver of drivers) await driver.detach();
  const cleaner = createProcessDriver({ home });
  for (const compute of await cleaner.adopt()) {
    await cleaner.suspend(compute, limit);
    await cleaner.destroy(compute.endpoint);
  }
  await cleaner.detach();
  drivers = [];
  helpers = [];
});

afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

function openDriver(settings: Partial<ProcessDriverSettings> = {}): ComputeDriver {
  const driver = createProcessDriver({ home, ...settings });
  drivers.push(driver);
  return driver;
}

const placeFor = (endpoint: EndpointId): ReturnType<typeof placeOf> => placeOf(join(home.root, 'computes', endpoint));
const refOf = (endpoint: EndpointId, generation: number): ComputeRef => ({
  endpoint,
  generation: generation as Generation,
});

async function prepared(driver: ComputeDriver, name = `case-${(endpoints += 1)}`): Promise<EndpointId> {
  const endpoint = parseEndpointId(name) as EndpointId;
  await driver.prepare(endpoint, patient);
  return endpoint;
}

async function started(driver: ComputeDriver, ref: ComputeRef): Promise<RunningCompute> {
  const outcome = await driver.start(ref, patient);
  if (!outcome.ok) throw new Error(outcome.detail);
  return outcome.compute;
}

async function connect(driver: ComputeDriver, compute: RunningCompute): Promise<pg.Client> {
  const client = new pg.Client({ ...driver.serviceAccess(compute) });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function ask(driver: ComputeDriver, compute: RunningCompute, sql: string): Promise<unknown> {
  const client = await connect(driver, compute);
  const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
  await client.end();
  return rows[0]?.[0];
}

function postmasterOf(endpoint: EndpointId): number {
  const found = findPostmaster(placeFor(endpoint));
  if (!found) throw new Error(`no postmaster runs for ${endpoint}`);
  return found.pid;
}

const processesOf = (endpoint: EndpointId): readonly number[] =>
  processTable.postgresIn(placeFor(endpoint).dataDirectory);

/** A process of the database user that has nothing to do with us. */
async function innocent(): Promise<number> {
  const helper = spawn('sleep', ['60'], { ...spawnIdentity(home.user), stdio: 'ignore' });
  helpers.push(helper);
  await once(helper, 'spawn');
  return helper.pid as number;
}

describe('the process driver', () => {
  it('notices a crash within 100 ms', async () => {
    const driver = openDriver();
    const endpoint = await prepared(driver);
    await started(driver, refOf(endpoint, 1));
    const exit = new Promise<number>((resolve) => driver.onExit(() => resolve(performance.now())));
    const killedAt = performance.now();
    process.kill(postmasterOf(endpoint), 'SIGKILL');
    expect((await exit) - killedAt).toBeLessThan(100);
  });

  it('starts again after a kill -9 that left a busy backend behind', async () => {
    const driver = openDriver();
    const endpoint = await prepared(driver);
    const compute = await started(driver, refOf(endpoint, 1));
    const client = await connect(driver, compute);
    const backend = (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid as number;
    const busy = client.query('SELECT count(*) FROM generate_series(1, 1e12)').catch(() => 'cut off');
    const postmaster = postmasterOf(endpoint);
    await driver.detach(); // nobody is there to clean up, as after a crash of wake-service
    process.kill(postmaster, 'SIGKILL');
    while (identifyProcess(postmaster)) await sleep(5);
    expect(identifyProcess(backend)).toBeDefined();

    const next = openDriver();
    const again = await started(next, refOf(endpoint, 2));
    expect(identifyProcess(backend)).toBeUndefined();
    expect(await ask(next, again, 'SHOW cluster_name')).toBe(`pgwake/${endpoint}/2`);
    expect(await busy).toBe('cut off');
  });

  it('ends the busy backends of a crashed postmaster also when nobody starts it again', async () => {
    const driver = openDriver();
    const endpoint = await prepared(driver);
    const client = await connect(driver, await started(driver, refOf(endpoint, 1)));
    const busy = client.query('SELECT count(*) FROM generate_series(1, 1e12)').catch(() => 'cut off');
    process.kill(postmasterOf(endpoint), 'SIGKILL');
    expect(await busy).toBe('cut off');
    while (processesOf(endpoint).length > 0) await sleep(5);
  });

  it('is not fooled by the lock file of a crash whose process id now belongs to somebody else', async () => {
    const driver = openDriver();
    const endpoint = await prepared(driver);
    await started(driver, refOf(endpoint, 1));
    const { dataDirectory } = placeFor(endpoint);
    const lockFile = join(dataDirectory, 'postmaster.pid');
    const words = readFileSync(lockFile, 'utf8');
    expect(words).toMatch(/^ready/m);
    await driver.suspend(refOf(endpoint, 1), limit);
    const stranger = await innocent();
    writeFileSync(lockFile, words.replace(/^\d+/, String(stranger)));

    const compute = await started(driver, refOf(endpoint, 2));
    expect(await ask(driver, compute, 'SELECT 1')).toBe(1);
    expect(identifyProcess(stranger)).toBeDefined();
  });

  it('adopts nothing when the remembered process id now belongs to somebody else', async () => {
    const driver = openDriver();
    const endpoint = await prepared(driver);
    const stranger = await innocent();
    const { dataDirectory, stateFile } = placeFor(endpoint);
    writeFileSync(stateFile, JSON.stringify({ generation: 3, pid: stranger, startTime: '1' }));
    writeFileSync(
      join(dataDirectory, 'postmaster.pid'),
      `${stranger}\n${dataDirectory}\n1\n5432\n/x\n\n1 1\nready   \n`,
    );
    expect(await openDriver().adopt()).toEqual([]);
    expect(identifyProcess(stranger)).toBeDefined();
    expect(await driver.probe(refOf(endpoint, 3))).toBe(false);
    await started(driver, refOf(endpoint, 4));
  });

  it('ends by force at the limit what does not react, with all its children', async () => {
    const driver = openDriver();
    const endpoint = await prepared(driver);
    await started(driver, refOf(endpoint, 1));
    process.kill(postmasterOf(endpoint), 'SIGSTOP');
    expect(processesOf(endpoint).length).toBeGreaterThan(1);
    const begunAt = performance.now();
    await driver.suspend(refOf(endpoint, 1), millis(300));
    expect(performance.now() - begunAt).toBeGreaterThanOrEqual(300);
    expect(processesOf(endpoint)).toEqual([]);
  });

  it('leaves no process behind when a start is aborted', async () => {
    const driver = openDriver();
    const endpoint = await prepared(driver);
    const abort = new AbortController();
    const outcome = driver.start(refOf(endpoint, 1), abort.signal);
    while (processesOf(endpoint).length === 0) await sleep(1);
    abort.abort();
    expect(await outcome).toMatchObject({ ok: false, transient: true });
    expect(processesOf(endpoint)).toEqual([]);
    expect(existsSync(placeFor(endpoint).stateFile)).toBe(false);
  });

  it('gives the reason in one line when a cluster cannot start', async () => {
    const driver = openDriver({ postgresSettings: { shared_buffers: 'plenty' } });
    const endpoint = await prepared(driver);
    const outcome = await driver.start(refOf(endpoint, 1), patient);
    expect(outcome).toMatchObject({ ok: false, transient: false });
    expect(outcome.ok ? '' : outcome.detail).toContain('invalid value for parameter "shared_buffers": "plenty"');
  });

  it('proves the longest of endpoint names untruncated', async () => {
    const driver = openDriver();
    const endpoint = await prepared(driver, 'x'.repeat(63));
    const compute = await started(driver, refOf(endpoint, 1));
    expect(compute.identity).toEqual({ kind: 'clusterName', value: await ask(driver, compute, 'SHOW cluster_name') });
  });

  it('keeps ordinary roles out of the service database and of template1', async () => {
    const driver = openDriver();
    const endpoint = await prepared(driver);
    const compute = await started(driver, refOf(endpoint, 1));
    await ask(driver, compute, `CREATE ROLE visitor LOGIN PASSWORD 'v'`);
    const login = { ...driver.serviceAccess(compute), user: 'visitor', password: 'v' };
    for (const database of ['pgwake', 'template1']) {
      await expect(new pg.Client({ ...login, database }).connect()).rejects.toMatchObject({ code: '42501' });
    }
    await expect(new pg.Client({ ...login, password: 'w' }).connect()).rejects.toMatchObject({ code: '28P01' });
  });

  onLinux('gives no compute the environment of its parent', async () => {
    process.env['PGWAKE_SPEC_SECRET'] = 'do not leak';
    const driver = openDriver();
    const endpoint = await prepared(driver);
    await started(driver, refOf(endpoint, 1));
    delete process.env['PGWAKE_SPEC_SECRET'];
    expect(readFileSync(`/proc/${postmasterOf(endpoint)}/environ`, 'utf8')).not.toContain('do not leak');
  });
});

/** Runs `body` as a wake-service of its own; it ends by killing itself. Needs the built library, as `npm test` makes it. */
async function liveAndDie(endpoint: EndpointId, body: string): Promise<void> {
  const script = `
    import { readFileSync } from 'node:fs';
    import { createProcessDriver, prepareHome } from '@pgwake/compute-process';
    const home = await prepareHome({ dataDir: ${JSON.stringify(dataDir)} });
    const driver = createProcessDriver({ home });
    const start = () => driver.start({ endpoint: '${endpoint}', generation: 7 }, new AbortController().signal);
    const die = () => process.kill(process.pid, 'SIGKILL');
    ${body}`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [, signal] = (await once(parent, 'exit')) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
}

describe('after its parent was killed with -9', () => {
  it('a compute runs on and the next life adopts it', async () => {
    const driver = openDriver();
    const endpoint = await prepared(driver);
    await liveAndDie(endpoint, 'await start(); die();');
    const [compute] = await driver.adopt();
    expect(compute).toMatchObject({ endpoint, generation: 7 });
    expect(compute && (await ask(driver, compute, 'SHOW cluster_name'))).toBe(`pgwake/${endpoint}/7`);
    expect(compute && (await started(driver, refOf(endpoint, 7)))).toEqual(compute);
    await driver.suspend(refOf(endpoint, 7), limit);
    expect(processesOf(endpoint)).toEqual([]);
  });

  it('a compute that was only half started is waited for', async () => {
    const driver = openDriver();
    const endpoint = await prepared(driver);
    const { stateFile, dataDirectory } = placeFor(endpoint);
    // The postmaster is held still the moment its lock file is complete, before it can be ready.
    await liveAndDie(
      endpoint,
      `void start();
       const read = (file) => { try { return readFileSync(file, 'utf8'); } catch { return ''; } };
       while (!read(${JSON.stringify(stateFile)})) await new Promise(setImmediate);
       const { pid } = JSON.parse(read(${JSON.stringify(stateFile)}));
       while (read(${JSON.stringify(join(dataDirectory, 'postmaster.pid'))}).split('\\n').length < 6);
       process.kill(pid, 'SIGSTOP');
       die();`,
    );
    const postmaster = postmasterOf(endpoint);
    expect(readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8')).not.toMatch(/^ready/m);
    const adopted = driver.adopt();
    process.kill(postmaster, 'SIGCONT');
    const [compute] = await adopted;
    expect(compute).toMatchObject({ endpoint, generation: 7 });
    expect(compute && (await ask(driver, compute, 'SELECT 1'))).toBe(1);
  });

  it('a compute that does not get ready in time is ended, and the next start works', async () => {
    const driver = openDriver({ adoptLimitMs: 100 });
    const endpoint = await prepared(driver);
    await liveAndDie(endpoint, 'await start(); die();');
    const lockFile = join(placeFor(endpoint).dataDirectory, 'postmaster.pid');
    writeFileSync(lockFile, readFileSync(lockFile, 'utf8').replace('ready   ', 'starting'));
    expect(await driver.adopt()).toEqual([]);
    expect(processesOf(endpoint)).toEqual([]);
    await started(driver, refOf(endpoint, 8));
  });

  it('a life that does not adopt ends the old compute before it starts a new one', async () => {
    const driver = openDriver();
    const endpoint = await prepared(driver);
    await liveAndDie(endpoint, 'await start(); die();');
    const old = postmasterOf(endpoint);
    await started(driver, refOf(endpoint, 8));
    expect(identifyProcess(old)).toBeUndefined();
    expect(postmasterOf(endpoint)).not.toBe(old);
  });
});
