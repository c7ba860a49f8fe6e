import { type Machine, describeMachine } from '../machine.ts';
import { compareWithinRounds, ratioOf } from '../rounds.ts';
import { medianOf } from '../statistics.ts';
import { renderTable } from '../text-table.ts';
import type { IdleSample, TcpSample, TcpSamples } from './measure-tcp.ts';
import { type PeerName, peerTitles } from './peer.ts';

/** One kind of load through one peer: medians over the rounds. Ratios are made within each round first. */
export interface TcpRow {
  readonly load: string;
  readonly peer: PeerName;
  readonly perSecond: number;
  readonly cpuUs: number | undefined;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly rateToDirect: number | undefined;
  /** To PgBouncer with session pooling. */
  readonly rateToPgBouncer: number | undefined;
  readonly cpuToPgBouncer: number | undefined;
}

export interface TcpReport {
  readonly benchmark: 'tcp';
  readonly at: string;
  readonly machine: Machine;
  readonly rows: readonly TcpRow[];
  readonly idle: readonly IdleSample[];
  readonly missing: readonly string[];
  readonly samples: readonly TcpSample[];
}

export function createTcpReport({ samples, idle, missing }: TcpSamples, at: Date): TcpReport {
  const loads = [...new Set(samples.map(({ load }) => load))];
  const peers = Object.keys(peerTitles) as PeerName[];
  const rows = loads.flatMap((load) => {
    const ofLoad = samples.filter((sample) => sample.load === load);
    return peers.filter((peer) => ofLoad.some((sample) => sample.peer === peer)).map((peer) => createRow(ofLoad, peer));
  });
  return { benchmark: 'tcp', at: at.toISOString(), machine: describeMachine(), rows, idle, missing, samples };
}

function createRow(ofLoad: readonly TcpSample[], peer: PeerName): TcpRow {
  const own = ofLoad.filter((sample) => sample.peer === peer);
  const over = (other: PeerName, figure: (sample: TcpSample) => number | undefined): number | undefined => {
    const others = ofLoad.filter(({ peer: each }) => each === other);
    return compareWithinRounds(own, others, (mine, theirs) => ratioOf(figure(mine), figure(theirs)));
  };
  return {
    load: ofLoad[0]?.load ?? '',
    peer,
    perSecond: medianOf(own.map((sample) => sample.perSecond)) ?? NaN,
    cpuUs: medianOf(own.map((sample) => sample.cpuUs)),
    p50Ms: medianOf(own.map((sample) => sample.p50Ms)),
    p99Ms: medianOf(own.map((sample) => sample.p99Ms)),
    rateToDirect: over('direct', (sample) => sample.perSecond),
    rateToPgBouncer: over('pgbouncerSession', (sample) => sample.perSecond),
    cpuToPgBouncer: over('pgbouncerSession', (sample) => sample.cpuUs),
  };
}

export function renderTcpReport({ rows, idle, missing }: TcpReport): string {
  const titles = ['', 'per second', 'x direct', 'x PgBouncer', 'CPU us', 'x PgBouncer', 'p50 ms', 'p99 ms'];
  const cells = ({ peer, ...row }: TcpRow): string[] => [
    `  ${peerTitles[peer]}`,
    row.perSecond.toFixed(0),
    ...[row.rateToDirect, row.rateToPgBouncer].map((ratio) => ratio?.toFixed(2) ?? ''),
    row.cpuUs?.toFixed(row.cpuUs < 100 ? 1 : 0) ?? '',
    row.cpuToPgBouncer?.toFixed(2) ?? '',
    ...[row.p50Ms, row.p99Ms].map((ms) => ms?.toFixed(2) ?? ''),
  ];
  const blank = titles.slice(1).map(() => '');
  const lines = rows.flatMap((row, at) =>
    rows[at - 1]?.load === row.load ? [cells(row)] : [[row.load, ...blank], cells(row)],
  );
  const idleLines = idle.map(({ peer, what, sessions, bytesPerSession }) => [
    `${peerTitles[peer]}, ${what}`,
    String(sessions),
    (bytesPerSession / 1e3).toFixed(1),
  ]);
  return [
    ...(rows.length === 0
      ? []
      : [
          renderTable(titles, lines),
          '',
          'Per second and CPU are of transactions, connections, and megabytes of COPY; CPU is the process in the middle, so',
          'per core. Medians of the rounds, and of the ratios within each round to direct and to PgBouncer with session pooling.',
        ]),
    ...(rows.length === 0 || idle.length === 0 ? [] : ['']),
    ...(idle.length === 0 ? [] : [renderTable(['idle sessions', 'held', 'KB each'], idleLines)]),
    ...missing,
  ].join('\n');
}
