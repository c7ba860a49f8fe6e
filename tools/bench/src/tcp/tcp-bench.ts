import { createBench } from '../bench.ts';
import { UsageError, option } from '../options.ts';
import { loads, measureTcp } from './measure-tcp.ts';
import { isInstalled } from './other-proxies.ts';
import { type PeerName, peerTitles } from './peer.ts';
import { protocols } from './pgbench.ts';
import { createTcpReport, renderTcpReport } from './tcp-report.ts';

export const tcpBench = createBench(
  'the way over TCP beside PgBouncer, HAProxy and no proxy: rates, CPU, latency, COPY, memory',
  {
    rounds: option.count(3, 'times to measure everything but idle sessions'),
    seconds: option.count(3, 'length of one run of pgbench'),
    clients: option.counts([1, 8, 32, 64], 'clients of pgbench'),
    protocols: option.some(protocols, 'protocols of pgbench'),
    megabytes: option.count(1_000, 'size of a COPY'),
    sessions: option.count(1_000, 'idle sessions at Postgres'),
    'scripted-sessions': option.count(5_000, 'idle sessions at a scripted Postgres'),
    only: option.some(loads, 'what to measure'),
    peers: option.some(Object.keys(peerTitles) as PeerName[], 'who takes part'),
  },
  async ({ 'scripted-sessions': scriptedSessions, ...options }, say) => {
    for (const program of ['pgbench', 'psql'] as const) {
      if (!isInstalled(program)) throw new UsageError(`${program} is not installed`);
    }
    const report = createTcpReport(await measureTcp({ ...options, scriptedSessions, say }), new Date());
    return { report, text: renderTcpReport(report) };
  },
);
