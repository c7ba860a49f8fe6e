import { type Machine, describeMachine } from '../machine.ts';
import { type Summary, summarise } from '../statistics.ts';
import { renderTable } from '../text-table.ts';
import { type WakeSamples, wakeSeries } from './measure-wake.ts';

export interface WakeReport {
  readonly benchmark: 'wake';
  readonly at: string;
  readonly machine: Machine;
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
  return {
    benchmark: 'wake',
    at: at.toISOString(),
    machine: describeMachine(),
    series,
    wakeOverheadMs: series.sleepingFirstRow.medianMs - series.bareFirstRow.medianMs,
    loginOverheadMs: series.warmLogin.medianMs - series.bareWarmLogin.medianMs,
  };
}

export function renderWakeReport({ series, wakeOverheadMs, loginOverheadMs }: WakeReport): string {
  const names = Object.keys(wakeSeries) as (keyof WakeSamples)[];
  const rows = names.map((name) => {
    const { medianMs, p90Ms, maxMs } = series[name];
    return [wakeSeries[name], ...[medianMs, p90Ms, maxMs].map((ms) => ms.toFixed(1))];
  });
  return [
    renderTable(['milliseconds', 'median', 'p90', 'max'], rows),
    '',
    `A wake through pgwake costs ${wakeOverheadMs.toFixed(1)} ms more than starting that Postgres and logging in directly;`,
    `a login to a running compute costs ${loginOverheadMs.toFixed(1)} ms more. (${series.bareReady.count} rounds, medians)`,
  ].join('\n');
}
