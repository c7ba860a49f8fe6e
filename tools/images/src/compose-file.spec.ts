import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { httpProxySettings } from '@pgwake/http-proxy/settings';
import { type SettingSpecs, loadSettings } from '@pgwake/nest-kit';
import { tcpProxySettings } from '@pgwake/tcp-proxy/settings';
import { wakeServiceSettings } from '@pgwake/wake-service/settings';
import { parseComposeFile, readComposeText, type Service, variablesIn } from './compose-file.ts';
import { argvOf, ofKind, readDockerfile, stageNamed, workspaceRoot } from './dockerfile.ts';
import { environmentOf } from './image-process.ts';

const text = readComposeText();
const compose = parseComposeFile(text);
const stages = readDockerfile();
const services = Object.entries(compose.services).map(([name, service]) => ({ name, service }));
const apps = services.filter(({ service }) => service.build !== undefined);

function serviceNamed(name: string): Service {
  const service = compose.services[name];
  if (!service) throw new Error(`there is no service ${name}`);
  return service;
}

function imageOf(service: Service): ReturnType<typeof stageNamed> {
  return stageNamed(stages, service.build?.target ?? '');
}

/** What a container of the service has in its environment. */
function environmentIn(service: Service): Record<string, string> {
  return { ...environmentOf(imageOf(service)), ...service.environment };
}

const proxySpecs = { 'tcp-proxy': tcpProxySettings, 'http-proxy': httpProxySettings };

function proxySpecsOf({ build }: Service): typeof tcpProxySettings | typeof httpProxySettings | undefined {
  return Object.entries(proxySpecs).find(([name]) => name === build?.target)?.[1];
}

const specsOf = (service: Service): SettingSpecs => proxySpecsOf(service) ?? wakeServiceSettings;

function seconds(duration: string | undefined): number {
  return Number(/^(\d+)s$/.exec(duration ?? '')?.[1]);
}

describe('docker-compose.yml', () => {
  it('has three proxies, one wake-service, its catalog and Redis', () => {
    expect(services.map(({ name, service }) => [name, service.build?.target ?? service.image]).sort()).toEqual([
      ['catalog', 'postgres:18-bookworm'],
      ['http-proxy', 'http-proxy'],
      ['redis', 'redis:8'],
      ['tcp-proxy-1', 'tcp-proxy'],
      ['tcp-proxy-2', 'tcp-proxy'],
      ['wake-service', 'wake-service'],
    ]);
  });

  it.each(apps)('builds $name from this workspace and takes it from nowhere else', ({ service }) => {
    expect({ ...service.build, pull: service.pull_policy }).toEqual({
      context: '.',
      target: imageOf(service).name,
      pull: 'build',
    });
  });

  it.each(apps)('sets only settings that the app of $name has', ({ service }) => {
    const names = Object.values(specsOf(service)).map(({ name }) => name);
    expect(Object.keys(service.environment ?? {}).filter((name) => !names.includes(name))).toEqual([]);
  });

  it.each(apps)('sets $name to values that its app takes', ({ service }) => {
    loadSettings(specsOf(service), environmentIn(service));
  });

  it.each(services)(
    'waits in $name for services that there are, and that tell when they are healthy',
    ({ service }) => {
      for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
        const other = serviceNamed(name);
        const tells =
          other.healthcheck !== undefined || (other.build && argvOf(imageOf(other), 'healthcheck') !== undefined);
        expect([name, condition === 'service_started' || tells]).toEqual([name, true]);
      }
    },
  );

  it('mounts only volumes that there are, and no volume that nothing mounts', () => {
    const mounted = services.flatMap(({ service }) => service.volumes ?? []).map((volume) => volume.split(':')[0]);
    expect([...new Set(mounted)].sort()).toEqual(Object.keys(compose.volumes).sort());
  });

  it('shows the proxies the sockets of computes under the path that wake-service tells them, and lets them write nothing', () => {
    const { PGWAKE_DATA_DIR: dataDir } = environmentIn(serviceNamed('wake-service'));
    expect(serviceNamed('wake-service').volumes).toEqual([`data:${dataDir}`]);
    for (const name of ['tcp-proxy-1', 'tcp-proxy-2', 'http-proxy']) {
      expect(serviceNamed(name).volumes).toEqual([`data:${dataDir}:ro`]);
    }
  });

  it('publishes ports on the loopback interface only, each once', () => {
    const published = services.flatMap(({ service }) => service.ports ?? []);
    expect(published.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
    expect(new Set(published.map((port) => port.split(':')[1])).size).toBe(published.length);
  });

  it.each(apps)('publishes only ports that the image of $name has', ({ service }) => {
    const exposed = ofKind(imageOf(service), 'expose').flatMap(({ ports }) => ports);
    for (const port of service.ports ?? []) expect(exposed).toContain(port.split(':')[2]);
  });

  it('gives every app the time that its settings let it take to end', () => {
    for (const { name, service } of apps) {
      const proxy = proxySpecsOf(service);
      const limitMs = proxy
        ? loadSettings(proxy, environmentIn(service)).drainTimeoutMs
        : endLimitMs(loadSettings(wakeServiceSettings, environmentIn(service)));
      expect([name, seconds(service.stop_grace_period) * 1_000 > limitMs + 10_000]).toEqual([name, true]);
    }
  });

  it.each(apps)('puts an init process before $name', ({ service }) => {
    expect(service.init).toBe(true);
  });

  it('gives the proxies and wake-service the same keys, and one password for the catalog', () => {
    const keys = new Set(apps.map(({ service }) => service.environment?.['PGWAKE_NODE_KEYS']));
    expect([...keys]).toEqual([expect.stringMatching(/^local:/)]);
    const url = new URL(serviceNamed('wake-service').environment?.['PGWAKE_CATALOG_URL'] ?? '');
    const catalog = serviceNamed('catalog').environment;
    expect([url.username, url.password, url.hostname, url.pathname.slice(1)]).toEqual([
      catalog?.['POSTGRES_USER'],
      catalog?.['POSTGRES_PASSWORD'],
      'catalog',
      catalog?.['POSTGRES_DB'],
    ]);
  });

  it('takes no variable that docs/deploy/compose.md does not explain', () => {
    const page = readFileSync(join(workspaceRoot, 'docs/deploy/compose.md'), 'utf8');
    for (const { name } of variablesIn(text)) expect(page).toContain(`| \`${name}\``);
    expect(text.replaceAll(/\$\{[A-Z_]+:-[^}]+\}/g, '')).not.toContain('$');
  });
});

/** A wake under way ends, then the computes are suspended. */
function endLimitMs({
  startTimeoutMs,
  suspendTimeoutMs,
}: {
  startTimeoutMs: number;
  suspendTimeoutMs: number;
}): number {
  return startTimeoutMs + suspendTimeoutMs;
}
