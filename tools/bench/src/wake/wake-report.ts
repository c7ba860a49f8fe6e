import { cpus } from 'node:os';
import { type Summary, summarise } from './statistics.ts';
import { type WakeSamples, wakeSeries } from './wake.ts';

export interface WakeReport {
  readonly benchmark: 'wake';
  readonly at: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string };
  readonly series: Record<keyof WakeSamples, Summary & { readonly samplesMs: readonly number[] }>;
  /** What a client waits on top of the same Postgres started and used directly: difference of the medians to first row. */
  readonly wakeOverheadMs: number;
  /** The part of it that every login through pgwake pays, asleep or not. */
  readonly loginOverheadMs: number;
}

export function createWakeReport(samples: WakeSamples, at: Date): WakeReport {
  const describe = (samplesMs: readonly number[]) => ({ ...summarise(samplesMs), samplesMs });
  const series = {
    bareReady: describe(samples.bareReady),
    bareFirstRow: describe(samples.bareFirstRow),
    sleepingFirstRow: describe(samples.sleepingFirstRow),
    bareWarmLogin: describe(samples.bareWarmLogin),
    warmLogin: describe(samples.warmLogin),
  };
  const [cpu] = cpus();
  return {
    benchmark: 'wake',
    at: at.toISOString(),
    machine: { cpu: cpu?.model ?? 'unknown', cores: cpus().length, node: process.version },
    series,
    wakeOverheadMs: series.sleepingFirstRow.medianMs - series.bareFirstRow.medianMs,
    loginOverheadMs: series.warmLogin.medianMs - series.bareWarmLogin.medianMs,
  };
}

export function renderWakeReport({ series, wakeOverheadMs, loginOverheadMs }: WakeReport): string {
  const names = Object.keys(wakeSeries) as (keyof WakeSamples)[];
  const cell = (ms: number): string => ms.toFixed(1).padStart(8);
  const rows = names.map((name) => {
    const { medianMs, p90Ms, maxMs } = series[name];
    return `${wakeSeries[name].padEnd(46)}${cell(medianMs)}${cell(p90Ms)}${cell(maxMs)}`;
  });
  return [
    `${'milliseconds'.padEnd(46)}${['median', 'p90', 'max'].map((title) => title.padStart(8)).join('')}`,
    ...rows,
    '',
    `A wake through pgwake costs ${wakeOverheadMs.toFixed(1)} ms more than starting that Postgres and logging in directly;`,
    `a login to a running compute costs ${loginOverheadMs.toFixed(1)} ms more. (${series.bareReady.count} rounds, medians)`,
  ].join('\n');
}
