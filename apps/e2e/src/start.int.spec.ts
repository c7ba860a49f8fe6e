// `npm start`, as somebody at a terminal sees it.

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PortSettings, findFreePortSettings, waitFor } from '@pgwake/testkit';
import pg from 'pg';
import { isAlive } from './clients.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const startLimitMs = 60_000;

let dataDir: string;
let ports: PortSettings;
const launchers: Launcher[] = [];

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'pgwake-start-'));
  ports = await findFreePortSettings();
});
afterEach(async () => {
  for (const launcher of launchers.splice(0)) await launcher.interrupt();
}, 60_000);
afterAll(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));

class Launcher {
  out = '';
  err = '';
  readonly #child: ChildProcess;

  constructor(env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [join(root, 'tools/start/src/main.ts')], {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: '', PGWAKE_DATA_DIR: dataDir, ...ports, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (chunk) => (this.out += String(chunk)));
    this.#child.stderr?.on('data', (chunk) => (this.err += String(chunk)));
    launchers.push(this);
  }

  get status(): number | null {
    return this.#child.exitCode;
  }

  get over(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async started(): Promise<this> {
    await waitFor(() => this.out.includes('Ctrl-C') || this.over, startLimitMs);
    if (this.over) throw new Error(`the launcher ended: ${this.out}${this.err}`);
    return this;
  }

  async interrupt(): Promise<void> {
    this.#child.kill('SIGINT');
    await waitFor(() => this.over, startLimitMs);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await waitFor(() => this.over, 5_000);
  }

  get urls(): string[] {
    return this.out.match(/postgres(ql)?:\/\/\S+/g) ?? [];
  }

  async query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> {
    const client = new pg.Client(this.urls[0]);
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(sql)).rows;
    } finally {
      await client.end();
    }
  }
}

function pidOf(service: string): number {
  const record = JSON.parse(readFileSync(join(dataDir, 'run', `${service}.json`), 'utf8')) as {
    process: { pid: number };
  };
  return record.process.pid;
}

/** Every Postgres whose data directory lies in ours, by the lock files it keeps there. */
function postmasters(): number[] {
  return globSync('{catalog,computes/*}/data/postmaster.pid', { cwd: dataDir })
    .map((path) => Number.parseInt(readFileSync(join(dataDir, path), 'utf8'), 10))
    .filter(isAlive);
}

describe('npm start', () => {
  it('makes a sleeping demo endpoint and prints one URL that wakes it', async () => {
    const launcher = await new Launcher().started();
    expect(launcher.urls).toHaveLength(1);
    const passwordFile = join(dataDir, 'demo-password');
    expect(statSync(passwordFile).mode & 0o777).toBe(0o600);
    expect(launcher.urls[0]).toContain(readFileSync(passwordFile, 'utf8').trim());
    await launcher.query('create table kept (word text)');
    await launcher.query(`insert into kept values ('still here')`);
    expect(postmasters()).toHaveLength(2);
  }, 120_000);

  it('ends everything on Ctrl-C, cleanly, and the next start keeps the data', async () => {
    const first = await new Launcher().started();
    await first.query('select 1');
    const running = [...postmasters(), pidOf('wake-service'), pidOf('tcp-proxy')];
    expect(running).toHaveLength(4);
    await first.interrupt();
    expect(first.status).toBe(0);
    expect(running.filter(isAlive)).toEqual([]);

    const second = await new Launcher().started();
    expect(await second.query('select word from kept')).toEqual([{ word: 'still here' }]);
  }, 120_000);

  it('after kill -9 of everything of its own goes on with the databases that run', async () => {
    const first = await new Launcher().started();
    await first.query('select 1');
    const before = postmasters().sort();
    const services = [pidOf('wake-service'), pidOf('tcp-proxy')];
    await first.kill();
    for (const pid of services) process.kill(pid, 'SIGKILL');
    await waitFor(() => !services.some(isAlive), 5_000);

    const second = await new Launcher().started();
    expect(await second.query('select word from kept')).toEqual([{ word: 'still here' }]);
    expect(postmasters().sort()).toEqual(before);
  }, 120_000);

  it('after kill -9 of the launcher alone goes on with its services', async () => {
    const first = await new Launcher().started();
    const services = [pidOf('wake-service'), pidOf('tcp-proxy')];
    await first.kill();
    expect(services.every(isAlive)).toBe(true);

    const second = await new Launcher().started();
    expect(second.out).toContain('Found wake-service running');
    expect([pidOf('wake-service'), pidOf('tcp-proxy')]).toEqual(services);
    await second.interrupt();
    expect(services.filter(isAlive)).toEqual([]);
  }, 120_000);

  it('starts a service again that was killed', async () => {
    const launcher = await new Launcher().started();
    const pid = pidOf('wake-service');
    process.kill(pid, 'SIGKILL');
    await waitFor(() => pidOf('wake-service') !== pid, 10_000);
    await waitFor(async () => (await launcher.query('select word from kept').catch(() => [])).length === 1, 20_000);
  }, 120_000);

  it('refuses to be started twice', async () => {
    const first = await new Launcher().started();
    const second = new Launcher();
    await waitFor(() => second.over, startLimitMs);
    expect(second.status).toBe(1);
    expect(second.err).toMatch(/^pgwake runs here already[^\n]*\n$/);
    expect(await first.query('select word from kept')).toHaveLength(1);
  }, 120_000);

  it('says in one sentence that a port is taken', async () => {
    const squatter = createServer().listen(Number(ports.PGWAKE_TCP_PORT), '127.0.0.1');
    const launcher = new Launcher();
    await waitFor(() => launcher.over, startLimitMs);
    squatter.close();
    expect(launcher.status).toBe(1);
    expect(launcher.err).toBe(
      `127.0.0.1:${ports.PGWAKE_TCP_PORT} is taken by another process; choose another address with PGWAKE_TCP_HOST and PGWAKE_TCP_PORT.\n`,
    );
    expect(postmasters()).toEqual([]);
  }, 120_000);

  it('says so as well when it is taken by a pgwake of another directory', async () => {
    const first = await new Launcher().started();
    const otherDir = mkdtempSync(join(tmpdir(), 'pgwake-start-'));
    const second = new Launcher({ PGWAKE_DATA_DIR: otherDir });
    await waitFor(() => second.over, startLimitMs);
    rmSync(otherDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    expect(second.status).toBe(1);
    expect(second.err).toMatch(/^127\.0\.0\.1:\d+ is taken by another process; choose another address with [^\n]*\n$/);
    expect(first.over).toBe(false);
  }, 120_000);

  it.each([
    ['a broken setting', { PGWAKE_TCP_PORT: 'five' }, 'Settings: PGWAKE_TCP_PORT must be a whole number.\n'],
    ['a missing binary', { PGWAKE_POSTGRES_BIN_DIR: '/nowhere' }, /^[^\n]*\/nowhere[^\n]*\n$/],
  ])(
    'says in one sentence what is wrong with %s',
    async (_what, env: Record<string, string>, words) => {
      const launcher = new Launcher(env);
      await waitFor(() => launcher.over, startLimitMs);
      expect(launcher.status).toBe(1);
      if (typeof words === 'string') expect(launcher.err).toBe(words);
      else expect(launcher.err).toMatch(words);
    },
    120_000,
  );
});
