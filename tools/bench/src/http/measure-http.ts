// SQL over HTTP beside servers that do nothing but the query, and beside the query without HTTP: round by round, and within a
// round each number of connections with all of them in turn.

import { readCpuSeconds } from '../process-usage.ts';
import { inTurn } from '../rounds.ts';
import type { TcpLoad } from '../tcp/measure-tcp.ts';
import { runPgbench } from '../tcp/pgbench.ts';
import { type ContenderName, contenderTitles } from './contenders.ts';
import { type HttpContender, startHttpField } from './http-field.ts';
import { HttpLoad } from './http-load.ts';

export interface HttpLoadOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: readonly number[];
  readonly contenders: readonly ContenderName[];
  readonly say: (progress: string) => void;
}

export interface HttpSample extends TcpLoad {
  readonly contender: ContenderName;
  readonly connections: number;
  readonly round: number;
  /** Microseconds of the server's process for each request. */
  readonly cpuUs: number | undefined;
}

/** What a server needs until most of its code is compiled; pgwake has more of it than the others. Not measured. */
const warmUpSeconds = 6;

/** Rejects when any request failed or was answered wrongly. */
export async function measureHttp(options: HttpLoadOptions): Promise<HttpSample[]> {
  const { rounds, seconds, connections, say } = options;
  const mostConnections = Math.max(...connections);
  const field = await startHttpField(options.contenders, mostConnections);
  try {
    for (const contender of field.contenders) {
      say(`warming up ${contenderTitles[contender.name]}`);
      await load(contender, mostConnections, warmUpSeconds);
    }
    const direct = async (clients: number): Promise<TcpLoad> => {
      const { postgres, account, directory, scriptFile } = field;
      return runPgbench(postgres, account, directory, { protocol: 'prepared', clients, seconds, scriptFile });
    };
    const ways: { readonly name: ContenderName; readonly run: (count: number) => Promise<Measured> }[] = [
      ...field.contenders.map((contender) => ({
        name: contender.name,
        run: (count: number) => load(contender, count, seconds),
      })),
      ...(options.contenders.includes('direct')
        ? [{ name: 'direct' as const, run: async (count: number) => ({ ...(await direct(count)), cpuUs: undefined }) }]
        : []),
    ];
    const samples: HttpSample[] = [];
    for (let round = 1; round <= rounds; round++) {
      for (const count of connections) {
        for (const { name, run } of inTurn(ways, round)) {
          say(`round ${round} of ${rounds}: ${contenderTitles[name]}, ${count} connections`);
          samples.push({ contender: name, connections: count, round, ...(await run(count)) });
        }
      }
    }
    return samples;
  } finally {
    await field.stop();
  }
}

type Measured = TcpLoad & Pick<HttpSample, 'cpuUs'>;

async function load({ name, pid, target }: HttpContender, connections: number, seconds: number): Promise<Measured> {
  let opened: HttpLoad | undefined;
  try {
    opened = await HttpLoad.open(target, connections);
    const before = readCpuSeconds(pid);
    const done = await opened.run(seconds);
    return { ...done, cpuUs: ((readCpuSeconds(pid) - before) * 1e6) / done.count };
  } catch (error) {
    throw new Error(`${contenderTitles[name]} failed with ${connections} connections`, { cause: error });
  } finally {
    await opened?.close();
  }
}
