// The built apps as real processes, with a data directory and ports of their own: what a person gets from `npm start`,
// without the launcher. For end-to-end tests and benchmarks.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PortSettings, findFreePortSettings } from './free-port-settings.js';
import { waitFor } from './wait-for.js';

export type AppName = 'wake-service' | 'tcp-proxy';

export interface SystemOptions {
  /** Further settings for both apps. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface TestEndpoint {
  readonly endpoint: string;
  readonly role: string;
  readonly password: string;
  readonly database: string;
}

export interface EndpointView {
  readonly id: string;
  readonly state: string;
  readonly generation: number;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
const readyLimitMs = 60_000;
const stopLimitMs = 30_000;

export class System {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'pgwake-system-'));
  readonly #apps = new Map<AppName, ChildProcess>();

  private constructor(
    private readonly env: Readonly<Record<string, string>>,
    private readonly ports: PortSettings,
  ) {}

  /** Resolves once both apps are ready. */
  static async start(options: SystemOptions = {}): Promise<System> {
    const ports = await findFreePortSettings();
    const system = new System({ PGWAKE_ON_SHUTDOWN: 'suspend', ...ports, ...options.env }, ports);
    try {
      await system.startApp('wake-service');
      await system.startApp('tcp-proxy');
    } catch (error) {
      await system.stop();
      throw error;
    }
    return system;
  }

  async startApp(name: AppName): Promise<void> {
    const log = openSync(this.logFile(name), 'a');
    const child = spawn(process.execPath, [join(root, 'apps', name, 'dist/main.js')], {
      env: { ...process.env, NODE_OPTIONS: '', PGWAKE_DATA_DIR: this.dataDir, ...this.env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#apps.set(name, child);
    await waitFor(async () => {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`${name} ended at its start: ${this.logOf(name).slice(-2_000)}`);
      }
      return isReady(name === 'tcp-proxy' ? this.ports.PGWAKE_TCP_OPS_PORT : this.ports.PGWAKE_WAKE_OPS_PORT);
    }, readyLimitMs);
  }

  /** Sends the signal and waits until the process has ended. */
  async endApp(name: AppName, signal: NodeJS.Signals): Promise<void> {
    const child = this.#apps.get(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    const force = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
    await exited;
    clearTimeout(force);
  }

  logFile(name: AppName): string {
    return join(this.dataDir, `${name}.log`);
  }

  logOf(name: AppName): string {
    return readFileSync(this.logFile(name), 'utf8');
  }

  async createEndpoint(endpoint: string, more: Readonly<Record<string, unknown>> = {}): Promise<TestEndpoint> {
    const made = { endpoint, role: 'app', password: `pw-${endpoint}`, database: 'app' };
    const { role, password, database } = made;
    await this.admin('POST', '/endpoints', { id: endpoint, database, role, password, ...more });
    return made;
  }

  async show(endpoint: string): Promise<EndpointView> {
    return (await this.admin('GET', `/endpoints/${endpoint}`)) as EndpointView;
  }

  /** How `pg` connects to the endpoint through the proxy. */
  connectionConfig({ endpoint, role, password, database }: TestEndpoint): {
    host: string;
    port: number;
    user: string;
    password: string;
    database: string;
    options: string;
  } {
    return {
      host: '127.0.0.1',
      port: Number(this.ports.PGWAKE_TCP_PORT),
      user: role,
      password,
      database,
      options: `endpoint=${endpoint}`,
    };
  }

  /** The answer's JSON. Throws for any status but 2xx. */
  async admin(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.ports.PGWAKE_WAKE_ADMIN_PORT}${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** Ends both apps with everything they run, and removes the data. */
  async stop(): Promise<void> {
    await this.endApp('tcp-proxy', 'SIGTERM');
    await this.endApp('wake-service', 'SIGTERM');
    // A copy that a killed wake-service had begun may still be going on.
    rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

async function isReady(opsPort: string): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${opsPort}/readyz`)).ok;
  } catch {
    return false;
  }
}
