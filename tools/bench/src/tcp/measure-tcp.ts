// pgwake's way over TCP beside others to the same Postgres: round by round, and within a round each kind of load through all of
// them in turn, so that a machine that slows down slows down all.

import { execFileSync } from 'node:child_process';
import { readCpuSeconds } from '../process-usage.ts';
import { inTurn } from '../rounds.ts';
import { copyIn, copyOut, createSink } from './copy.ts';
import { type Field, startField } from './field.ts';
import { measureIdleSessions } from './idle-sessions.ts';
import { type Peer, type PeerName, host, libpqEnv } from './peer.ts';
import { type PgbenchOptions, type Protocol, fillPgbench, runPgbench } from './pgbench.ts';
import { startScriptedField } from './scripted-field.ts';

export const loads = ['transactions', 'copy', 'connections', 'idle'] as const;

export interface TcpBenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly clients: readonly number[];
  readonly protocols: readonly Protocol[];
  readonly megabytes: number;
  readonly sessions: number;
  readonly scriptedSessions: number;
  readonly only: readonly (typeof loads)[number][];
  readonly peers: readonly PeerName[];
  readonly say: (progress: string) => void;
}

/** What one program did: so many transactions, connections or megabytes. */
export interface TcpLoad {
  readonly count: number;
  readonly perSecond: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

export interface MeasuredLoad extends TcpLoad {
  /** Microseconds of the process in the middle for each of them, where the load knows better than all it used meanwhile. */
  readonly cpuUs?: number | undefined;
}

export interface TcpSample extends MeasuredLoad {
  readonly load: string;
  readonly peer: PeerName;
  readonly round: number;
  readonly cpuUs: number | undefined;
}

export interface IdleSample {
  readonly peer: PeerName;
  readonly what: string;
  readonly sessions: number;
  readonly bytesPerSession: number;
}

export interface TcpSamples {
  readonly samples: readonly TcpSample[];
  readonly idle: readonly IdleSample[];
  readonly missing: readonly string[];
}

interface Load {
  readonly name: string;
  readonly peers: readonly Peer[];
  readonly run: (peer: Peer) => Promise<MeasuredLoad>;
  /** Once before all rounds, and forgotten: a runtime compiles what it has run often. */
  readonly warmUp: (peer: Peer) => Promise<unknown>;
}

/** Clients of the loads that are about connections. */
const connecting = 8;
const warmUpSeconds = 3;
/** There are a hundred times fewer logins than transactions in a second. */
const connectWarmUpSeconds = 20;

export async function measureTcp(options: TcpBenchOptions): Promise<TcpSamples> {
  const { rounds, only, sessions, clients, say } = options;
  const field = await startField(options.peers, Math.max(...clients, only.includes('idle') ? sessions : 0));
  try {
    const [first] = field.peers;
    if (first === undefined) throw new Error(`nobody to measure. ${field.missing.join(' ')}`);
    await fillPgbench(first, field.account);
    execFileSync('psql', ['-X', '-q', '-c', createSink], { env: libpqEnv(first, field.account) });

    const samples: TcpSample[] = [];
    const planned = planLoads(field, options);
    for (const { name, peers, warmUp } of planned) {
      for (const peer of peers) {
        say(`warming up: ${name} through ${peer.name}`);
        await warmUp(peer);
      }
    }
    for (let round = 1; round <= rounds; round++) {
      for (const { name, peers, run } of planned) {
        for (const peer of inTurn(peers, round)) {
          say(`round ${round} of ${rounds}: ${name} through ${peer.name}`);
          samples.push({ load: name, peer: peer.name, round, ...(await withCpu(peer, run)) });
        }
      }
    }
    const idle = only.includes('idle') ? await measureIdle(field, options) : [];
    return { samples, idle, missing: field.missing };
  } finally {
    await field.stop();
  }
}

function planLoads({ peers, account, directory }: Field, options: TcpBenchOptions): Load[] {
  const { only, protocols, clients, seconds, megabytes } = options;
  const pgbench = (given: Omit<PgbenchOptions, 'seconds'>): Pick<Load, 'run' | 'warmUp'> => {
    const runFor = (length: number) => (peer: Peer) =>
      runPgbench(peer, account, directory, { ...given, seconds: length });
    return { run: runFor(seconds), warmUp: runFor(given.reconnect ? connectWarmUpSeconds : warmUpSeconds) };
  };
  const copy = (run: Load['run']): Pick<Load, 'run' | 'warmUp'> => ({ run, warmUp: run });
  const transactions = protocols.flatMap((protocol) =>
    clients.map((count): Load => ({
      name: `${protocol}, ${count} clients`,
      // It knows nothing of prepared statements there before version 1.21.
      peers: protocol === 'prepared' ? peers.filter(({ name }) => name !== 'pgbouncerTransaction') : peers,
      ...pgbench({ protocol, clients: count }),
    })),
  );
  const connect = { protocol: 'simple', clients: connecting, reconnect: true } as const;
  return [
    ...(only.includes('transactions') ? transactions : []),
    ...(only.includes('copy')
      ? [
          { name: 'COPY out', peers, ...copy((peer) => copyOut(peer, account, megabytes)) },
          { name: 'COPY in', peers, ...copy((peer) => copyIn(peer, account, megabytes, directory)) },
        ]
      : []),
    ...(only.includes('connections')
      ? [
          { name: 'connect, plain', peers, ...pgbench(connect) },
          {
            name: 'connect, TLS',
            peers: peers.filter(({ tls }) => tls),
            ...pgbench({ ...connect, encrypted: true }),
          },
        ]
      : []),
  ];
}

async function withCpu(peer: Peer, run: Load['run']): Promise<TcpLoad & Pick<TcpSample, 'cpuUs'>> {
  const { pid } = peer;
  if (pid === undefined) return { ...(await run(peer)), cpuUs: undefined };
  const before = readCpuSeconds(pid);
  const load = await run(peer);
  return { ...load, cpuUs: load.cpuUs ?? ((readCpuSeconds(pid) - before) * 1e6) / load.count };
}

/** What is kept of a handshake depends on the key exchange: without post-quantum cryptography as most clients have it, and with it. */
const encryptions = [
  { what: 'plain' },
  { what: 'TLS with X25519', ssl: { rejectUnauthorized: false, ecdhCurve: 'X25519' } },
  { what: 'TLS with X25519MLKEM768', ssl: { rejectUnauthorized: false, ecdhCurve: 'X25519MLKEM768' } },
];

/** Each in a process of its own, if it can be had: the memory of sessions that are gone is used again. */
async function measureIdle(field: Field, options: TcpBenchOptions): Promise<IdleSample[]> {
  const { sessions, scriptedSessions, say } = options;
  const samples: IdleSample[] = [];
  for (const peer of field.peers) {
    const { name, port, options: startup, tls } = peer;
    // Transactions are pooled, sessions are not: the other mode of the same program.
    if (peer.pid === undefined || name === 'pgbouncerTransaction') continue;
    const config = { host, port, ...field.account, ...(startup === '' ? {} : { options: startup }) };
    for (const { what, ssl } of encryptions) {
      if (ssl !== undefined && !tls) continue;
      say(`idle sessions, ${what}, through ${name}`);
      await peer.restart?.();
      const bytesPerSession = await measureIdleSessions(peer.pid, { ...config, ssl }, sessions);
      samples.push({ peer: name, what, sessions, bytesPerSession });
    }
  }
  if (!field.peers.some(({ name }) => name === 'pgwake')) return samples;
  for (const { what, ssl } of encryptions) {
    say(`idle sessions, ${what}, at scripted computes`);
    const scripted = await startScriptedField(field.directory, field.certificate);
    try {
      const bytesPerSession = await measureIdleSessions(scripted.pid, { ...scripted.config, ssl }, scriptedSessions);
      samples.push({ peer: 'pgwake', what: `${what}, scripted Postgres`, sessions: scriptedSessions, bytesPerSession });
    } finally {
      await scripted.stop();
    }
  }
  return samples;
}
