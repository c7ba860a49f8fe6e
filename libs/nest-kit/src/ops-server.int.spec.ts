import { afterEach, describe, expect, it } from '@jest/globals';
import { createRegistry } from '@pgwake/telemetry';
import { type OpsServer, Readiness, StartupError, startOpsServer } from './index.js';

const servers: OpsServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(port = 0) {
  const readiness = new Readiness();
  const server = await startOpsServer({
    host: '127.0.0.1',
    port,
    setting: 'PGWAKE_TEST_OPS_PORT',
    readiness,
    registry: createRegistry('test'),
  });
  servers.push(server);
  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  return { readiness, server, get };
}

describe('the ops server', () => {
  it('is alive before it is ready, and not ready while draining', async () => {
    const { readiness, get } = await start();
    expect((await get('/livez')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(503);
    readiness.markReady();
    expect((await get('/readyz')).status).toBe(200);
    readiness.drain();
    readiness.markReady();
    expect((await get('/readyz')).status).toBe(503);
    expect((await get('/livez')).status).toBe(200);
  });

  it('says which process answers', async () => {
    const { get } = await start();
    expect((await get('/readyz')).headers.get('pgwake-pid')).toBe(String(process.pid));
  });

  it('serves the metrics and nothing else', async () => {
    const { get } = await start();
    expect(await (await get('/metrics')).text()).toContain('process_cpu_seconds_total');
    expect((await get('/')).status).toBe(404);
    expect((await get('/livez', 'POST')).status).toBe(405);
  });

  it('names the setting to change when the port is taken', async () => {
    const { server } = await start();
    await expect(start(server.port)).rejects.toThrow(StartupError);
    await expect(start(server.port)).rejects.toThrow(
      /is taken by another process; choose another address with PGWAKE_TEST_OPS_PORT/,
    );
  });
});
