import { type Machine, describeMachine } from '../machine.ts';
import { compareWithinRounds, ratioOf } from '../rounds.ts';
import { type Summary, medianOf, summarise } from '../statistics.ts';
import { renderTable } from '../text-table.ts';
import { type ContenderName, contenderNames, contenderTitles, serverNames } from './contenders.ts';
import { type ColdSamples, coldSeries } from './measure-cold.ts';
import type { HttpSample } from './measure-http.ts';

/** One contender with so many connections: medians over the rounds. What compares is made within each round first. */
export interface HttpRow {
  readonly connections: number;
  readonly contender: ContenderName;
  readonly perSecond: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly cpuUs: number | undefined;
  /** CPU per request of pgwake over that of this one. */
  readonly cpuOfPgwake: number | undefined;
  /** Requests per second of pgwake over those of this one. */
  readonly rateOfPgwake: number | undefined;
  /** The 50th percentile of pgwake less that of this one. */
  readonly p50AddedMs: number | undefined;
}

export interface ColdReport {
  readonly series: Record<keyof ColdSamples, Summary & { readonly samplesMs: readonly number[] }>;
  /** What the request waits on top of the same Postgres started and used directly: difference of the medians. */
  readonly wakeOverheadMs: number;
}

export interface HttpReport {
  readonly benchmark: 'http';
  readonly at: string;
  readonly machine: Machine;
  readonly rows: readonly HttpRow[];
  readonly cold: ColdReport | undefined;
  readonly samples: readonly HttpSample[];
}

export interface HttpSamples {
  readonly samples: readonly HttpSample[];
  readonly cold: ColdSamples | undefined;
}

export function createHttpReport({ samples, cold }: HttpSamples, at: Date): HttpReport {
  const levels = [...new Set(samples.map(({ connections }) => connections))];
  const rows = levels.flatMap((connections) => {
    const ofLevel = samples.filter((sample) => sample.connections === connections);
    const present = contenderNames.filter((name) => ofLevel.some(({ contender }) => contender === name));
    return present.map((name) => createRow(ofLevel, name));
  });
  const report = { benchmark: 'http', at: at.toISOString(), machine: describeMachine() } as const;
  return { ...report, rows, cold: cold && createCold(cold), samples };
}

function createRow(ofLevel: readonly HttpSample[], contender: ContenderName): HttpRow {
  const own = ofLevel.filter((sample) => sample.contender === contender);
  const pgwake = contender === 'pgwake' ? [] : ofLevel.filter((sample) => sample.contender === 'pgwake');
  return {
    connections: own[0]?.connections ?? NaN,
    contender,
    perSecond: medianOf(own.map(({ perSecond }) => perSecond)) ?? NaN,
    p50Ms: medianOf(own.map(({ p50Ms }) => p50Ms)),
    p99Ms: medianOf(own.map(({ p99Ms }) => p99Ms)),
    cpuUs: medianOf(own.map(({ cpuUs }) => cpuUs)),
    cpuOfPgwake: compareWithinRounds(pgwake, own, (mine, theirs) => ratioOf(mine.cpuUs, theirs.cpuUs)),
    rateOfPgwake: compareWithinRounds(pgwake, own, (mine, theirs) => mine.perSecond / theirs.perSecond),
    p50AddedMs: compareWithinRounds(pgwake, own, (mine, theirs) => (mine.p50Ms ?? NaN) - (theirs.p50Ms ?? NaN)),
  };
}

function createCold(cold: ColdSamples): ColdReport {
  const describe = (samplesMs: readonly number[]) => ({ ...summarise(samplesMs), samplesMs });
  const series = {
    bareReady: describe(cold.bareReady),
    bareFirstRow: describe(cold.bareFirstRow),
    sleepingAnswer: describe(cold.sleepingAnswer),
    warmAnswer: describe(cold.warmAnswer),
  };
  return { series, wakeOverheadMs: series.sleepingAnswer.medianMs - series.bareFirstRow.medianMs };
}

export function renderHttpReport({ rows, cold }: HttpReport): string {
  const load = rows.length === 0 ? [] : [renderLoad(rows), '', ...renderComparisons(rows)];
  const waits = cold === undefined ? [] : renderCold(cold);
  return [...load, ...(load.length > 0 && waits.length > 0 ? [''] : []), ...waits].join('\n');
}

function renderLoad(rows: readonly HttpRow[]): string {
  const titles = ['', 'per second', 'p50 ms', 'p99 ms', 'CPU us', 'CPU of pgwake', 'rate of pgwake', 'p50 of pgwake'];
  const blank = titles.slice(1).map(() => '');
  const times = (ratio: number | undefined): string => (ratio === undefined ? '' : `x ${ratio.toFixed(2)}`);
  const cells = (row: HttpRow): string[] => [
    `  ${contenderTitles[row.contender]}`,
    row.perSecond.toFixed(0),
    ...[row.p50Ms, row.p99Ms].map((ms) => ms?.toFixed(2) ?? ''),
    row.cpuUs?.toFixed(0) ?? '',
    times(row.cpuOfPgwake),
    times(row.rateOfPgwake),
    row.p50AddedMs === undefined ? '' : signed(row.p50AddedMs),
  ];
  const lines = rows.flatMap((row, at) =>
    rows[at - 1]?.connections === row.connections
      ? [cells(row)]
      : [[`${row.connections} connection${row.connections === 1 ? '' : 's'}`, ...blank], cells(row)],
  );
  return [
    renderTable(titles, lines),
    '',
    'CPU is that of the server process for each request, user and system. The last three columns put pgwake beside each:',
    'its CPU and its rate over theirs, its p50 less theirs. Medians of the rounds; comparisons are made within each round.',
  ].join('\n');
}

function renderComparisons(rows: readonly HttpRow[]): string[] {
  const cpu = serverNames.flatMap((name) => {
    const known = rows.filter(({ contender, cpuOfPgwake }) => contender === name && cpuOfPgwake !== undefined);
    if (known.length === 0) return [];
    const each = known.map(({ connections, cpuOfPgwake }) => `${cpuOfPgwake?.toFixed(2)} at ${connections}`);
    return [`CPU per request of pgwake over ${contenderTitles[name]}: ${each.join(', ')}`];
  });
  const added = rows.flatMap(({ contender, connections, p50AddedMs }) =>
    contender === 'direct' && connections === 1 && p50AddedMs !== undefined
      ? [`p50 that pgwake adds to the prepared query made directly, at 1 connection: ${signed(p50AddedMs)} ms`]
      : [],
  );
  return [...cpu, ...added];
}

function renderCold({ series, wakeOverheadMs }: ColdReport): string[] {
  const names = Object.keys(coldSeries) as (keyof ColdSamples)[];
  const lines = names.map((name) => {
    const { medianMs, p90Ms, maxMs } = series[name];
    return [coldSeries[name], ...[medianMs, p90Ms, maxMs].map((ms) => ms.toFixed(1))];
  });
  return [
    renderTable(['milliseconds', 'p50', 'p90', 'max'], lines),
    '',
    `A request that wakes its database waits ${wakeOverheadMs.toFixed(1)} ms longer than starting that Postgres and logging in`,
    `directly takes. (${series.sleepingAnswer.count} rounds, medians)`,
  ];
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(2)}`;
}
