// A compute that stands still in the middle of a query over HTTP: its machine would answer nothing either.

import { readFileSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { System, type TestEndpoint, waitFor } from '@pgwake/testkit';

const limitMs = 120_000;
const silenceMs = 1_000;
/** Of a probe that gets no answer. */
const probeLimitMs = 5_000;
const graceMs = 5_000;

let system: System;
let endpoint: TestEndpoint;

beforeAll(async () => {
  system = await System.start({
    env: { PGWAKE_COMPUTE_LISTEN: 'tcp', PGWAKE_COMPUTE_SILENCE_MS: String(silenceMs) },
    tcpProxies: [],
    httpProxies: [{}],
  });
  endpoint = await system.createEndpoint('shop');
}, limitMs);
afterAll(() => system?.stop(), limitMs);

async function ask(query: string): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const response = await fetch(`${system.httpUrl()}/sql`, {
    method: 'POST',
    headers: { 'neon-connection-string': system.connectionString(endpoint) },
    body: JSON.stringify({ query }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function readNumber(query: string): Promise<number> {
  const { rows } = (await ask(query)).body as { rows: { n: number }[] };
  return rows[0]?.n ?? NaN;
}

/** Fields behind the name of a process, which begin with its state and its parent. */
function readStat(pid: number): string[] {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ');
}

/** A Postgres and all its backends. */
function findProcesses(postmaster: number): number[] {
  const all = readdirSync('/proc').map(Number).filter(Number.isInteger);
  const isBackend = (pid: number): boolean => {
    try {
      return Number(readStat(pid)[1]) === postmaster;
    } catch {
      return false; // It has ended.
    }
  };
  return [postmaster, ...all.filter(isBackend)];
}

async function countSilentProbes(): Promise<number> {
  const line = /^pgwake_compute_probes_total\{[^}]*result="silent"[^}]*\} (\d+)$/m;
  return Number(line.exec(await system.app('http-proxy').metrics())?.[1] ?? 0);
}

it(
  'a query at a compute that stands still ends with 08007',
  async () => {
    const backend = await readNumber('select pg_backend_pid() as n');
    const slowly = ask('select pg_sleep(600)');
    const running = "select count(*)::int as n from pg_stat_activity where query = 'select pg_sleep(600)'";
    await waitFor(async () => (await readNumber(running)) === 1, 5_000);
    const processes = findProcesses(Number(readStat(backend)[1]));
    try {
      for (const pid of processes) process.kill(pid, 'SIGSTOP');
      await waitFor(() => processes.every((pid) => readStat(pid)[0] === 'T'), 5_000);
      const from = performance.now();
      expect(await slowly).toMatchObject({ status: 502, body: { code: '08007' } });
      const tookMs = performance.now() - from;
      expect(tookMs).toBeGreaterThan(2 * probeLimitMs);
      expect(tookMs).toBeLessThan(silenceMs * 1.5 + 2 * probeLimitMs + graceMs);
      expect(await countSilentProbes()).toBe(2);
      expect(processes.map((pid) => readStat(pid)[0])).toEqual(processes.map(() => 'T'));
    } finally {
      for (const pid of processes) process.kill(pid, 'SIGCONT');
    }
  },
  limitMs,
);
