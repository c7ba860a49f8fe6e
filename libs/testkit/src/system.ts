// The built apps as real processes, with a data directory and ports of their own: what a person gets from `npm start`,
// without the launcher, or several of each. For end-to-end tests and benchmarks.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PortSettings, findFreePortSettings } from './free-port-settings.js';
import { type TestPostgres, startTestPostgres } from './postgres.js';
import { copyPreparedData } from './prepared-data.js';
import { type AppName, type Settings, SystemApp } from './system-app.js';
import { prepareTestHome } from './test-home.js';

export interface SystemOptions {
  /** Further settings for all apps. */
  readonly env?: Settings;
  /** The further settings of each tcp-proxy. Default: one, without any. */
  readonly tcpProxies?: readonly Settings[];
  /** The further settings of each http-proxy. Default: none. */
  readonly httpProxies?: readonly Settings[];
  /** How many files each proxy may open. Default: as many as this process. */
  readonly proxyOpenFiles?: number | undefined;
  /** Default: one. Several share a catalog that the system runs; the proxies are given one or the other in turn. */
  readonly wakeServices?: number;
  /** Where the proxies share node addresses, with keys made up for it. It stays the caller's. */
  readonly redisUrl?: string;
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

/** How `pg` connects to an endpoint through a proxy. */
export interface EndpointConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly options: string;
}

/** Apps of the same name are counted from 1; where no number is given, the first one is meant. */
export class System {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'pgwake-system-'));
  readonly tcpProxies: readonly SystemApp[];
  readonly httpProxies: readonly SystemApp[];
  readonly wakeServices: readonly SystemApp[];

  private constructor(
    { env = {}, tcpProxies = [{}], httpProxies = [], proxyOpenFiles, wakeServices = 1, redisUrl }: SystemOptions,
    private readonly ports: readonly PortSettings[],
    private readonly catalog: TestPostgres | undefined,
  ) {
    const common = {
      PGWAKE_DATA_DIR: this.dataDir,
      PGWAKE_ON_SHUTDOWN: 'suspend',
      ...(catalog && { PGWAKE_CATALOG_URL: urlOf(catalog) }),
      ...(redisUrl && { PGWAKE_REDIS_URL: redisUrl, PGWAKE_NODE_KEYS: `k1:${randomBytes(32).toString('hex')}` }),
    };
    this.wakeServices = Array.from({ length: wakeServices }, (_, at) =>
      this.#createApp('wake-service', at, { ...common, ...this.#portsAt(at), ...env }),
    );
    const createProxies = (name: AppName, each: readonly Settings[]) =>
      each.map((settings, at) => {
        const { PGWAKE_WAKE_ADDRESS } = this.#portsAt(at % wakeServices);
        const all = { ...common, ...this.#portsAt(at), PGWAKE_WAKE_ADDRESS, ...env, ...settings };
        return this.#createApp(name, at, all, proxyOpenFiles);
      });
    this.tcpProxies = createProxies('tcp-proxy', tcpProxies);
    this.httpProxies = createProxies('http-proxy', httpProxies);
  }

  /** Resolves once all apps are ready. */
  static async start(options: SystemOptions = {}): Promise<System> {
    const { tcpProxies = [{}], httpProxies = [], wakeServices = 1 } = options;
    const count = Math.max(tcpProxies.length, httpProxies.length, wakeServices);
    // All at the same time: each holds its ports until it has all of them, so no two get the same.
    const ports = await Promise.all(Array.from({ length: count }, () => findFreePortSettings()));
    const catalog = wakeServices > 1 ? await startTestPostgres() : undefined;
    const system = new System(options, ports, catalog);
    try {
      await copyPreparedData(await prepareTestHome(), system.dataDir);
      for (const app of system.wakeServices) await app.start();
      await Promise.all([...system.tcpProxies, ...system.httpProxies].map((app) => app.start()));
    } catch (error) {
      await system.stop();
      throw error;
    }
    return system;
  }

  startApp(name: AppName, number = 1): Promise<void> {
    return this.app(name, number).start();
  }

  endApp(name: AppName, signal: NodeJS.Signals, number = 1): Promise<void> {
    return this.app(name, number).end(signal);
  }

  logOf(name: AppName, number = 1): string {
    return this.app(name, number).log;
  }

  app(name: AppName, number = 1): SystemApp {
    const app = this.#appsNamed(name)[number - 1];
    if (app === undefined) throw new RangeError(`there is no ${name} ${number}`);
    return app;
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

  connectionConfig({ endpoint, role, password, database }: TestEndpoint, proxyNumber = 1): EndpointConnection {
    return {
      host: '127.0.0.1',
      port: Number(this.#portsAt(proxyNumber - 1).PGWAKE_TCP_PORT),
      user: role,
      password,
      database,
      options: `endpoint=${endpoint}`,
    };
  }

  /** As in `http://127.0.0.1:4444`, or https with a certificate. */
  httpUrl(scheme: 'http' | 'https' = 'http', proxyNumber = 1): string {
    return `${scheme}://127.0.0.1:${this.#portsAt(proxyNumber - 1).PGWAKE_HTTP_PORT}`;
  }

  /** For a header of SQL over HTTP. */
  connectionString({ endpoint, role, password, database }: TestEndpoint): string {
    return `postgresql://${role}:${password}@${endpoint}.localhost/${database}`;
  }

  /** The answer's JSON, from the first wake-service. Throws for any status but 2xx. */
  async admin(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.#portsAt(0).PGWAKE_WAKE_ADMIN_PORT}${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** Ends all apps with everything they run, and removes the data. */
  async stop(): Promise<void> {
    await Promise.all([...this.tcpProxies, ...this.httpProxies].map((app) => app.end('SIGTERM')));
    for (const app of this.wakeServices) await app.end('SIGTERM');
    await this.catalog?.stop();
    // A copy that a killed wake-service had begun may still be going on.
    rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  #appsNamed(name: AppName): readonly SystemApp[] {
    switch (name) {
      case 'tcp-proxy':
        return this.tcpProxies;
      case 'http-proxy':
        return this.httpProxies;
      case 'wake-service':
        return this.wakeServices;
    }
  }

  #createApp(name: AppName, at: number, settings: Settings, openFiles?: number): SystemApp {
    const ports = this.#portsAt(at);
    const opsPorts = {
      'tcp-proxy': ports.PGWAKE_TCP_OPS_PORT,
      'http-proxy': ports.PGWAKE_HTTP_OPS_PORT,
      'wake-service': ports.PGWAKE_WAKE_OPS_PORT,
    };
    return new SystemApp({
      name,
      settings,
      openFiles,
      opsPort: opsPorts[name],
      logFile: join(this.dataDir, at === 0 ? `${name}.log` : `${name}-${at + 1}.log`),
    });
  }

  #portsAt(at: number): PortSettings {
    const ports = this.ports[at];
    if (ports === undefined) throw new RangeError(`there is no app ${at + 1}`);
    return ports;
  }
}

function urlOf({ connectionConfig: { user, password, host, port, database } }: TestPostgres): string {
  return `postgres://${user}:${password}@${host}:${port}/${database}`;
}
