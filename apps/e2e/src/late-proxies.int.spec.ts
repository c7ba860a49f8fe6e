// Proxies whose event loops are late, because they are stopped again and again: nobody new is let in until they have caught
// up, sessions go on, and the ops port goes on answering.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ensureCertificate } from '@pgwake/local-certificate';
import { System, type SystemApp, type TestEndpoint, waitFor } from '@pgwake/testkit';
import { connect, query } from './clients.js';

const limitMs = 120_000;
const stopMs = 600;
const runMs = 100;
const maxStops = 100;
const lateWithinMs = 30_000;
const late = { PGWAKE_MAX_EVENT_LOOP_DELAY_MS: '300' };

let directory: string;
let ca: string;
let system: System;
let endpoint: TestEndpoint;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pgwake-late-'));
  const { caFile, certFile, keyFile } = await ensureCertificate(directory, ['late']);
  ca = readFileSync(caFile, 'utf8');
  const tls = { PGWAKE_HTTP_TLS: 'on', PGWAKE_TLS_CERT_FILE: certFile, PGWAKE_TLS_KEY_FILE: keyFile };
  system = await System.start({ tcpProxies: [late], httpProxies: [late, { ...late, ...tls }] });
  endpoint = await system.createEndpoint('late');
  await query(system, endpoint, 'select 1');
}, limitMs);
afterAll(async () => {
  await system?.stop();
  rmSync(directory, { recursive: true, force: true });
}, limitMs);

/** Whether it says of itself that it is late. */
async function isLate(app: SystemApp): Promise<boolean> {
  return /^pgwake_event_loop_late\{[^}]*\} 1$/m.test(await app.metrics());
}

async function areAllLate(apps: readonly SystemApp[]): Promise<boolean> {
  return (await Promise.all(apps.map(isLate))).every(Boolean);
}

/** Runs a part of the test from when all of these have noticed that their loops are late; they stay it until its end. */
async function whileLate<T>(apps: readonly SystemApp[], part: () => Promise<T>): Promise<T> {
  let isOver = false;
  const stopping = stopAgainAndAgain(apps, () => isOver);
  try {
    await waitFor(() => areAllLate(apps), lateWithinMs);
    return await part();
  } finally {
    isOver = true;
    await stopping;
  }
}

async function stopAgainAndAgain(apps: readonly SystemApp[], isOver: () => boolean): Promise<void> {
  for (let stops = 0; stops < maxStops && !isOver(); stops += 1) {
    for (const { pid } of apps) process.kill(pid, 'SIGSTOP');
    await sleep(stopMs);
    for (const { pid } of apps) process.kill(pid, 'SIGCONT');
    await sleep(runMs);
  }
}

function headers(): Record<string, string> {
  return { 'neon-connection-string': system.connectionString(endpoint) };
}

const body = JSON.stringify({ query: 'select 42 as answer' });

/** By fetch, which keeps its connections for the next request. */
async function postSql(): Promise<Response> {
  const response = await fetch(`${system.httpUrl()}/sql`, { method: 'POST', headers: headers(), body });
  await response.arrayBuffer();
  return response;
}

function postSqlTo(session: ClientHttp2Session): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': '/sql', ...headers() });
    stream.on('response', (answered) => resolve(Number(answered[':status'])));
    stream.on('error', reject);
    stream.resume().end(body);
  });
}

function openHttp2(): ClientHttp2Session {
  return connectHttp2(system.httpUrl('https', 2), { ca }).on('error', () => undefined);
}

it(
  'proxies that are late let nobody new in, keep whom they have, and let clients in again once they have caught up',
  async () => {
    const apps = [...system.tcpProxies, ...system.httpProxies];
    const early = await connect(system, endpoint);
    const earlyHttp2 = openHttp2();
    expect(await postSqlTo(earlyHttp2)).toBe(200);

    const lateHttp2 = await whileLate(apps, async () => {
      await expect(connect(system, endpoint)).rejects.toMatchObject({
        code: '53300',
        severity: 'FATAL',
        message: 'this gateway is overloaded',
      });
      const refused = await postSql();
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toBe('1');
      const http2 = openHttp2();
      expect(await postSqlTo(http2)).toBe(503);
      expect((await early.query('select 42 as answer')).rows).toEqual([{ answer: 42 }]);
      expect(await postSqlTo(earlyHttp2)).toBe(200);
      for (const app of apps) {
        for (const path of ['livez', 'readyz']) expect((await app.askOps(path)).status).toBe(200);
      }
      for (const app of apps) {
        const metrics = await app.metrics();
        expect(Number(/^pgwake_event_loop_delay_seconds\{[^}]*\} (\S+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0.3);
        expect(metrics).toMatch(/^pgwake_refusals_total\{[^}]*limit="eventLoopDelay"[^}]*\} [1-9]/m);
        expect(app.log).toContain('the event loop is late: no new clients are accepted');
      }
      // Everything above was while they were late.
      expect(await areAllLate(apps)).toBe(true);
      return http2;
    });

    await waitFor(async () => !(await Promise.all(apps.map(isLate))).some(Boolean), 20_000);
    expect(await query(system, endpoint, 'select 42 as answer')).toEqual([{ answer: 42 }]);
    // The connections that were refused are over: on those it would be refused for ever.
    expect((await postSql()).status).toBe(200);
    await waitFor(() => lateHttp2.closed, 5_000);
    const nextHttp2 = openHttp2();
    expect(await postSqlTo(nextHttp2)).toBe(200);
    for (const app of apps) expect(app.log).toContain('the event loop has caught up: clients are accepted again');
    for (const session of [earlyHttp2, nextHttp2]) session.close();
    await early.end();
  },
  limitMs,
);
