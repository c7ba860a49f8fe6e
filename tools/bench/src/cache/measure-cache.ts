// What a connect costs, by where the proxy finds the address of the running compute: in its memory, in Redis, or with
// wake-service. Beside it the same login made directly. All are measured in turn, round by round, so that a machine that slows
// down slows down all of them.

import { performance } from 'node:perf_hooks';
import { type Settings, System } from '@pgwake/testkit';
import pg from 'pg';
import { findDirectLogin } from '../direct-login.ts';
import { inTurn } from '../rounds.ts';

export const cacheSeries = {
  direct: 'directly, without pgwake',
  memory: 'pgwake, address in memory',
  redis: 'pgwake, address in Redis',
  wakeService: 'pgwake, address from wake-service',
} as const;

export type CacheSeries = keyof typeof cacheSeries;
/** Milliseconds from the first step of connecting until the server is ready for a query. Without Redis no `redis`. */
export type CacheSamples = Readonly<Record<Exclude<CacheSeries, 'redis'>, readonly number[]>> & {
  readonly redis?: readonly number[];
};

export interface CacheBenchOptions {
  readonly rounds: number;
  readonly redisUrl: string | undefined;
  readonly onRound: (done: number) => void;
}

interface Way {
  readonly name: CacheSeries;
  readonly connect: () => Promise<void>;
  /** Not measured: makes sure that the next connect finds the address where it should. */
  readonly prepare?: () => Promise<void>;
  /** How many connects have found it there since the start. */
  readonly countTaken?: () => Promise<number>;
}

const discardedRounds = 20;
// The proxies, in this order.
const proxySettings: readonly Settings[] = [
  { PGWAKE_REDIS_URL: '', PGWAKE_NODE_KEYS: '' },
  // One address only: a connect to another endpoint makes it forget.
  { PGWAKE_REDIS_URL: '', PGWAKE_NODE_KEYS: '', PGWAKE_NODE_CACHE_MAX_ENTRIES: '1' },
  // Forgotten after a millisecond, which is less than a connect takes.
  { PGWAKE_NODE_CACHE_MEMORY_MAX_AGE_MS: '1' },
];

/** Throws when a connect has not found the address where its row says. */
export async function measureCache({ rounds, redisUrl, onRound }: CacheBenchOptions): Promise<CacheSamples> {
  const system = await System.start({
    env: { PGWAKE_LOG_LEVEL: 'warn', PGWAKE_IDLE_SUSPEND_AFTER_MS: '3600000' },
    tcpProxies: redisUrl === undefined ? proxySettings.slice(0, 2) : proxySettings,
    ...(redisUrl === undefined ? {} : { redisUrl }),
  });
  try {
    const ways = await createWays(system, redisUrl !== undefined);
    const samples: Record<CacheSeries, number[]> = { direct: [], memory: [], redis: [], wakeService: [] };
    const takenBefore = new Map<CacheSeries, number>();
    for (let round = -discardedRounds; round < rounds; round++) {
      if (round === 0) for (const way of ways) takenBefore.set(way.name, (await way.countTaken?.()) ?? 0);
      for (const way of inTurn(ways, round + discardedRounds)) {
        await way.prepare?.();
        const begunAt = performance.now();
        await way.connect();
        if (round >= 0) samples[way.name].push(performance.now() - begunAt);
      }
      if (round >= 0) onRound(round + 1);
    }
    for (const { name, countTaken } of ways) {
      if (countTaken === undefined) continue;
      const taken = (await countTaken()) - (takenBefore.get(name) ?? NaN);
      if (taken !== rounds) throw new Error(`${taken} of ${rounds} connects took the way: ${cacheSeries[name]}`);
    }
    const { redis, ...others } = samples;
    return redisUrl === undefined ? others : { ...others, redis };
  } finally {
    await system.stop();
  }
}

async function createWays(system: System, withRedis: boolean): Promise<Way[]> {
  const endpoint = await system.createEndpoint('bench');
  const other = await system.createEndpoint('other');
  const [memory, wakeService, redis] = [1, 2, 3];
  const through = (proxy: number, to = endpoint) => connectAndLeave(system.connectionConfig(to, proxy));
  await through(memory);
  await through(wakeService, other);

  const { config: direct } = await findDirectLogin(system, endpoint);
  const count = (proxy: number, metric: string, labels: string) => async (): Promise<number> =>
    readCounter(await system.app('tcp-proxy', proxy).metrics(), metric, labels);

  const connects = 'pgwake_connect_seconds_count';
  return [
    { name: 'direct', connect: () => connectAndLeave(direct) },
    { name: 'memory', connect: () => through(memory), countTaken: count(memory, connects, 'start="cached"') },
    {
      name: 'wakeService',
      prepare: () => through(wakeService, other),
      connect: () => through(wakeService),
      // Half of them: each `prepare` asks wake-service too.
      countTaken: async () => (await count(wakeService, connects, 'start="running"')()) / 2,
    },
    ...(withRedis
      ? [
          {
            name: 'redis' as const,
            connect: () => through(redis),
            countTaken: count(redis, 'pgwake_node_cache_reads_total', 'tier="shared",outcome="hit"'),
          },
        ]
      : []),
  ];
}

function readCounter(metrics: string, metric: string, labels: string): number {
  const line = metrics.split('\n').find((each) => each.startsWith(`${metric}{`) && each.includes(labels));
  return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ')));
}

/** Resolves as soon as the server is ready for a query. The next connect may begin before this client has gone. */
async function connectAndLeave(config: pg.ClientConfig): Promise<void> {
  const client = new pg.Client(config);
  client.on('error', () => undefined);
  await client.connect();
  void client.end();
}
