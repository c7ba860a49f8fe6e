// Starts wake-service, tcp-proxy and http-proxy, prepares the endpoint `demo`, prints how to connect, keeps them running, and
// ends them in order. Killed in any way, the next start goes on with whatever still runs.

import { readdirSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { locateData } from '@pgwake/compute-process';
import { httpProxySettings } from '@pgwake/http-proxy/settings';
import { ensureCertificate } from '@pgwake/local-certificate';
import { type SettingsOf, StartupError, loadSettings } from '@pgwake/nest-kit';
import { tcpProxySettings } from '@pgwake/tcp-proxy/settings';
import { wakeServiceSettings } from '@pgwake/wake-service/settings';
import { progress } from './console.ts';
import { demo, ensureDemo } from './demo.ts';
import { holdLauncherLock } from './launcher-lock.ts';
import { ensureNodeKey } from './node-key.ts';
import { Service } from './service.ts';
import { renderSummary } from './summary.ts';

/** A service that ends by itself is started again, but not for ever: so many times within a minute, and something is wrong. */
const maxRestartsPerMinute = 5;
const watchIntervalMs = 250;

export async function start(root: string): Promise<void> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
  const services: Service[] = [];
  let release: (() => void) | undefined;
  try {
    const tcp = loadSettings(tcpProxySettings, process.env);
    const http = loadSettings(httpProxySettings, process.env);
    const wake = loadSettings(wakeServiceSettings, process.env);
    const stateDir = resolve(root, wake.dataDir);
    release = holdLauncherLock(join(stateDir, 'run', 'launcher.json'));
    await run({ root, stateDir, tcp, http, wake }, services, stopping.signal);
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  } finally {
    // The proxies first: they still need wake-service for those who are connecting.
    for (const service of services.reverse()) await service.stop();
    release?.();
  }
  if (stopping.signal.aborted) progress('pgwake has stopped. The data is kept.');
}

interface Installation {
  readonly root: string;
  readonly stateDir: string;
  readonly tcp: SettingsOf<typeof tcpProxySettings>;
  readonly http: SettingsOf<typeof httpProxySettings>;
  readonly wake: SettingsOf<typeof wakeServiceSettings>;
}

async function run(installation: Installation, services: Service[], stop: AbortSignal): Promise<void> {
  const { root, stateDir, tcp, http, wake } = installation;
  const { caFile, certFile, keyFile } = await ensureCertificate(join(stateDir, 'tls'), [demo.endpoint]);
  const builtFrom = newestBuild(root);
  const nodeKeys = wake.nodeKeys.length > 0 ? wake.nodeKeys.join(',') : ensureNodeKey(join(stateDir, 'node-key'));
  const adminUrl = `http://${urlHost(wake.adminHost)}:${wake.adminPort}`;

  const wakeService = new Service(
    {
      name: 'wake-service',
      main: join(root, 'apps/wake-service/dist/main.js'),
      builtFrom,
      env: { PGWAKE_DATA_DIR: stateDir, PGWAKE_ON_SHUTDOWN: 'suspend', PGWAKE_NODE_KEYS: nodeKeys },
      readyUrl: `http://${urlHost(wake.opsHost)}:${wake.opsPort}/readyz`,
    },
    stateDir,
  );
  const proxies = [['tcp-proxy', tcp] as const, ['http-proxy', http] as const].map(
    ([name, settings]) =>
      new Service(
        {
          name,
          main: join(root, `apps/${name}/dist/main.js`),
          builtFrom,
          env: {
            PGWAKE_NODE_KEYS: nodeKeys,
            PGWAKE_TLS_CERT_FILE: settings.tlsCertFile ?? certFile,
            PGWAKE_TLS_KEY_FILE: settings.tlsKeyFile ?? keyFile,
          },
          readyUrl: `http://${urlHost(settings.opsHost)}:${settings.opsPort}/readyz`,
        },
        stateDir,
      ),
  );
  for (const service of [wakeService, ...proxies]) {
    if (stop.aborted) return;
    services.push(service);
    if ((await service.ensure()) === 'adopted') progress(`Found ${service.name} running from an earlier start.`);
  }
  const passwordFile = join(stateDir, 'demo-password');
  const { password, awake } = await ensureDemo(adminUrl, passwordFile);
  const shown = (path: string) => relative(process.cwd(), path) || path;
  progress(
    renderSummary({
      host: tcp.host === '127.0.0.1' ? 'localhost' : tcp.host,
      port: tcp.port,
      httpUrl: `${http.tls === 'on' ? 'https' : 'http'}://${http.host === '127.0.0.1' ? 'localhost' : urlHost(http.host)}:${http.port}`,
      password,
      awake,
      adminUrl,
      dataDir: locateData(stateDir),
      passwordFile: shown(passwordFile),
      caFile: shown(caFile),
    }),
  );
  await keepRunning(services, stop);
}

async function keepRunning(services: readonly Service[], stop: AbortSignal): Promise<void> {
  let restartedAt: number[] = [];
  while (!stop.aborted) {
    await sleep(watchIntervalMs, undefined, { signal: stop }).catch(() => undefined);
    for (const service of services) {
      if (stop.aborted || service.alive) continue;
      restartedAt = [...restartedAt.filter((at) => at > performance.now() - 60_000), performance.now()];
      if (restartedAt.length > maxRestartsPerMinute) {
        throw new StartupError(`${service.name} keeps ending; its log is ${service.logFile}.`);
      }
      progress(`${service.name} ended unexpectedly and is started again.`);
      await service.ensure();
    }
  }
  progress('Stopping ...');
}

/** Changes when any part was built anew. */
function newestBuild(root: string): number {
  const builds = ['apps', 'libs'].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(root, folder, name, 'dist', '.tsbuildinfo')),
  );
  return Math.max(...builds.map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0));
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
