// A compared server as a process of its own, so that its CPU is nobody else's.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Account, host } from '../tcp/peer.ts';
import type { ServerName } from './contenders.ts';
import type { Listening } from './servers/parent.ts';

export interface ServerProcess {
  readonly name: ServerName;
  readonly origin: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const programs: Readonly<Record<ServerName, readonly [file: string, ...args: string[]]>> = {
  nodeHttp: ['node-http.ts'],
  nestFastify: ['nest.ts', 'fastify'],
  nestExpress: ['nest.ts', 'express'],
};

const startLimitMs = 30_000;

/** Resolves once it listens; rejects when it ends instead. `port` is that of Postgres. */
export async function startServer(name: ServerName, port: number, account: Account): Promise<ServerProcess> {
  const { user: PGUSER, password: PGPASSWORD, database: PGDATABASE } = account;
  const [file, ...args] = programs[name];
  const child = fork(fileURLToPath(new URL(`servers/${file}`, import.meta.url)), args, {
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      PGHOST: host,
      PGPORT: String(port),
      PGUSER,
      PGPASSWORD,
      PGDATABASE,
    },
  });
  const exited = once(child, 'exit');
  const ended = exited.then(() => {
    throw new Error(`the server ${name} ended at its start`);
  });
  ended.catch(() => undefined); // it ends later too, on request
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  try {
    const listening = once(child, 'message', { signal: AbortSignal.timeout(startLimitMs) });
    const [{ port: ownPort }] = (await Promise.race([listening, ended])) as [Listening];
    return { name, origin: `http://${host}:${ownPort}`, pid: child.pid ?? NaN, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
