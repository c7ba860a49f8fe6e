// Everybody who takes part, in front of one Postgres: the compute of an endpoint, which listens on TCP for this.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { System } from '@pgwake/testkit';
import pg from 'pg';
import { askComputePort } from '../tcp/compute-port.ts';
import { type Account, type Peer, unlimited } from '../tcp/peer.ts';
import { fillPgbench } from '../tcp/pgbench.ts';
import { accountKeys, accountQuery, accountScript } from './account-query.ts';
import { type ContenderName, serverNames } from './contenders.ts';
import { captureDriverRequests, toPlainRequest, toOneOfAKind } from './driver-requests.ts';
import { learnAnswers, requireSameContent } from './first-answers.ts';
import type { HttpTarget } from './http-load.ts';
import { type ServerProcess, startServer } from './server-process.ts';

export interface HttpContender {
  readonly name: ContenderName;
  readonly pid: number;
  readonly target: HttpTarget;
}

export interface HttpField {
  readonly contenders: readonly HttpContender[];
  /** Postgres itself, for pgbench. */
  readonly postgres: Peer;
  readonly account: Account;
  readonly scriptFile: string;
  readonly directory: string;
  stop(): Promise<void>;
}

const spareConnections = 150; // four pools of 20, pgwake's own, and some

/** For at most `maxConnections` of pgbench. */
export async function startHttpField(names: readonly ContenderName[], maxConnections: number): Promise<HttpField> {
  const directory = mkdtempSync(join(tmpdir(), 'pgwake-bench-'));
  const servers: ServerProcess[] = [];
  let system: System | undefined;
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
    await system?.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    system = await System.start({
      env: {
        ...unlimited,
        PGWAKE_IDLE_SUSPEND_AFTER_MS: '86400000',
        // As long as the pools of the others.
        PGWAKE_POOL_IDLE_TIMEOUT_MS: '86400000',
        PGWAKE_COMPUTE_LISTEN: 'tcp',
        PGWAKE_COMPUTE_MAX_CONNECTIONS: String(maxConnections + spareConnections),
      },
      httpProxies: [{}],
    });
    const endpoint = await system.createEndpoint('bench');
    const { role: user, password, database } = endpoint;
    const account = { user, password, database };
    const port = await wake(system.connectionConfig(endpoint));
    const postgres: Peer = { name: 'direct', port, pid: undefined, tls: false, options: '' };
    await fillPgbench(postgres, account);
    const scriptFile = join(directory, 'account.sql');
    writeFileSync(scriptFile, accountScript);

    const parameters = accountKeys.map((key) => [key]);
    const requests = await captureDriverRequests(system.connectionString(endpoint), accountQuery, parameters);
    const contenders: HttpContender[] = [];
    for (const [name, itsRequests] of [
      ['pgwake', requests],
      ['pgwakeParsed', requests.map(toOneOfAKind)],
    ] as const) {
      if (!names.includes(name)) continue;
      const target = await learnAnswers(system.httpUrl(), itsRequests);
      contenders.push({ name, pid: system.app('http-proxy').pid, target });
    }
    for (const name of serverNames.filter((each) => names.includes(each))) {
      const server = await startServer(name, port, account);
      servers.push(server);
      contenders.push({
        name,
        pid: server.pid,
        target: await learnAnswers(server.origin, requests.map(toPlainRequest)),
      });
    }
    requireSameContent(contenders.map(({ target }) => target));
    return { contenders, postgres, account, scriptFile, directory, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Resolves with the port of Postgres. */
async function wake(config: pg.ClientConfig): Promise<number> {
  const client = new pg.Client(config);
  await client.connect();
  try {
    return await askComputePort(client);
  } finally {
    await client.end();
  }
}
