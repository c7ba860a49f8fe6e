// Many clients at once on one sleeping endpoint, over several proxies: how many starts, who fails, how long until a client has
// its first row, and how much memory that takes in the proxies.

import { type ClientOutcome, Storm, System } from '@pgwake/testkit';
import { readMemory } from '../process-usage.ts';

export interface StormBenchOptions {
  readonly clients: number;
  readonly proxies: number;
  /** Of a Redis for the proxies to share node addresses in. */
  readonly redisUrl: string | undefined;
  /** Whether a client with its row leaves, or stays until all have theirs; for the latter the compute is given room. */
  readonly thenThey: 'leave' | 'stay';
  readonly onServed: (count: number) => void;
}

export interface StormSamples {
  readonly redis: boolean;
  readonly starts: number;
  /** Of those who got it, from the first step of connecting. */
  readonly firstRowMs: readonly number[];
  /** From the first step of the first client until the last one is done. */
  readonly totalMs: number;
  /** How many clients failed with which words. */
  readonly failures: Readonly<Record<string, number>>;
  readonly proxyMemory: readonly { readonly idleBytes: number; readonly peakBytes: number }[];
}

/** For the superuser, and for wake-service itself. */
const spareConnections = 50;

/** However many clients there are: all of them come from one machine for one endpoint. */
const noLimits = {
  PGWAKE_MAX_CONNECTIONS: '1000000',
  PGWAKE_MAX_CONNECTIONS_PER_ENDPOINT: '0',
  PGWAKE_MAX_CONNECTIONS_PER_SOURCE: '0',
  PGWAKE_MAX_HANDSHAKES_PER_SOURCE: '0',
};

export async function measureStorm(options: StormBenchOptions): Promise<StormSamples> {
  const { clients, proxies, redisUrl, thenThey, onServed } = options;
  const room: Record<string, string> =
    thenThey === 'stay' ? { PGWAKE_COMPUTE_MAX_CONNECTIONS: String(clients + spareConnections) } : {};
  const system = await System.start({
    env: { PGWAKE_LOG_LEVEL: 'warn', ...noLimits, ...room },
    tcpProxies: Array.from({ length: proxies }, () => ({})),
    ...(redisUrl === undefined ? {} : { redisUrl }),
  });
  try {
    const endpoint = await system.createEndpoint('storm');
    const idleBytes = system.tcpProxies.map(({ pid }) => readMemory(pid, 'VmRSS'));
    const via = system.tcpProxies.map((_, at) => system.connectionConfig(endpoint, at + 1));
    const storm = new Storm({ clients, via, thenThey, onOutcome: () => onServed(storm.outcomes.length) });
    await storm.over;
    const proxyMemory = system.tcpProxies.map(({ pid }, at) => ({
      idleBytes: idleBytes[at] ?? NaN,
      peakBytes: readMemory(pid, 'VmHWM'),
    }));
    await storm.end();
    const wakes = (await system.admin('GET', '/endpoints/storm/wakes')) as readonly { readonly outcome: string }[];
    return {
      redis: redisUrl !== undefined,
      starts: wakes.filter(({ outcome }) => outcome === 'started').length,
      firstRowMs: storm.outcomes.filter(({ result }) => result.ok).map(({ tookMs }) => tookMs),
      totalMs: spanOf(storm.outcomes),
      failures: countFailures(storm.outcomes),
      proxyMemory,
    };
  } finally {
    await system.stop();
  }
}

function spanOf(outcomes: readonly ClientOutcome[]): number {
  const begunAtMs = Math.min(...outcomes.map(({ endedAtMs, tookMs }) => endedAtMs - tookMs));
  return Math.max(...outcomes.map(({ endedAtMs }) => endedAtMs)) - begunAtMs;
}

function countFailures(outcomes: readonly ClientOutcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { result } of outcomes) if (!result.ok) counts[result.error] = (counts[result.error] ?? 0) + 1;
  return counts;
}
