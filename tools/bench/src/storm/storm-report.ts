import { type Machine, describeMachine } from '../machine.ts';
import { type Summary, summarise } from '../statistics.ts';
import { renderTable } from '../text-table.ts';
import type { StormSamples } from './measure-storm.ts';

export interface StormShape {
  readonly clients: number;
  readonly proxies: number;
  readonly thenThey: 'leave' | 'stay';
}

export interface StormReport extends StormShape {
  readonly benchmark: 'storm';
  readonly at: string;
  readonly machine: Machine;
  readonly redis: boolean;
  readonly starts: number;
  readonly failures: StormSamples['failures'];
  /** Of the clients that got their row; absent when nobody did. */
  readonly firstRow: (Summary & { readonly samplesMs: readonly number[] }) | undefined;
  readonly totalMs: number;
  readonly proxyMemory: StormSamples['proxyMemory'];
}

export function createStormReport(samples: StormSamples, shape: StormShape, at: Date): StormReport {
  const { redis, starts, failures, firstRowMs, totalMs, proxyMemory } = samples;
  return {
    benchmark: 'storm',
    at: at.toISOString(),
    machine: describeMachine(),
    ...shape,
    redis,
    starts,
    failures,
    firstRow: firstRowMs.length === 0 ? undefined : { ...summarise(firstRowMs), samplesMs: firstRowMs },
    totalMs,
    proxyMemory,
  };
}

export function renderStormReport(report: StormReport): string {
  const { clients, proxies, thenThey, redis, starts, firstRow, totalMs, proxyMemory } = report;
  const failures = Object.entries(report.failures);
  const failed = failures.reduce((sum, [, count]) => sum + count, 0);
  const times = firstRow ? [firstRow.medianMs, firstRow.p90Ms, firstRow.p99Ms, firstRow.maxMs] : [];
  return [
    `${clients} clients at once over ${proxies} tcp-proxies, ${redis ? 'with' : 'without'} Redis; each ${
      thenThey === 'stay' ? 'stays until all have their row' : 'leaves with its row'
    }.`,
    '',
    `starts    ${starts}`,
    `failures  ${failed}`,
    ...failures.map(([error, count]) => `          ${count} x ${error}`),
    `all done  after ${totalMs.toFixed(0)} ms`,
    '',
    ...(times.length === 0
      ? ['Nobody got a row.']
      : [
          renderTable(
            ['milliseconds', 'median', 'p90', 'p99', 'max'],
            [['connect to first row', ...times.map((ms) => ms.toFixed(0))]],
          ),
        ]),
    '',
    renderTable(
      ['resident memory, MB', 'idle', 'peak', 'KB more per client'],
      proxyMemory.map(({ idleBytes, peakBytes }, at) => [
        `tcp-proxy ${at + 1}`,
        (idleBytes / 1e6).toFixed(0),
        (peakBytes / 1e6).toFixed(0),
        ((peakBytes - idleBytes) / 1e3 / (clients / proxies)).toFixed(0),
      ]),
    ),
  ].join('\n');
}
