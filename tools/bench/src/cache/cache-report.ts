import { type Machine, describeMachine } from '../machine.ts';
import { type Summary, summarise } from '../statistics.ts';
import { renderTable } from '../text-table.ts';
import { type CacheSamples, type CacheSeries, cacheSeries } from './measure-cache.ts';

export interface CacheReport {
  readonly benchmark: 'cache';
  readonly at: string;
  readonly machine: Machine;
  /** Of each way that could be measured here. */
  readonly series: readonly CacheWay[];
}

export interface CacheWay extends Summary {
  readonly name: CacheSeries;
  readonly samplesMs: readonly number[];
  /** Medians: this way less the direct one. */
  readonly addedMs: number;
  /** Medians: this way over the direct one. */
  readonly ratioToDirect: number;
}

export function createCacheReport(samples: CacheSamples, at: Date): CacheReport {
  const names = Object.keys(cacheSeries) as CacheSeries[];
  const direct = summarise(samples.direct).medianMs;
  const series = names.flatMap((name): CacheWay[] => {
    const samplesMs = samples[name];
    if (samplesMs === undefined) return [];
    const summary = summarise(samplesMs);
    const { medianMs } = summary;
    return [{ name, ...summary, samplesMs, addedMs: medianMs - direct, ratioToDirect: medianMs / direct }];
  });
  return { benchmark: 'cache', at: at.toISOString(), machine: describeMachine(), series };
}

export function renderCacheReport({ series }: CacheReport): string {
  const rows = series.map(({ name, medianMs, p90Ms, p99Ms, addedMs, ratioToDirect }) => [
    cacheSeries[name],
    ...[medianMs, p90Ms, p99Ms].map((ms) => ms.toFixed(1)),
    ...(name === 'direct' ? ['', ''] : [addedMs.toFixed(1), ratioToDirect.toFixed(2)]),
  ]);
  const withoutRedis = series.every(({ name }) => name !== 'redis');
  return [
    renderTable(['milliseconds to connect', 'median', 'p90', 'p99', 'added', 'x direct'], rows),
    '',
    `${series[0]?.count ?? 0} rounds; added and x direct compare medians.`,
    ...(withoutRedis ? ['Left out: the address in Redis (no redis-server found).'] : []),
  ].join('\n');
}
