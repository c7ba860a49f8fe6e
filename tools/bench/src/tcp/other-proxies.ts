// PgBouncer and HAProxy as peers, with one process and one thread each, configured to be as fast as they can be.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { waitFor } from '@pgwake/testkit';
import { host } from './peer.ts';

export interface ProxySetup {
  /** Of Postgres. */
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** The role's own in Postgres, so that its login there takes no password. */
  readonly verifier: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly maxSessions: number;
  /** For configuration and logs. */
  readonly directory: string;
}

export interface RunningProxy {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const startLimitMs = 10_000;

export function isInstalled(program: 'pgbouncer' | 'haproxy' | 'pgbench' | 'psql'): boolean {
  return spawnSync(program, [program === 'haproxy' ? '-v' : '--version']).status === 0;
}

export async function startPgBouncer(setup: ProxySetup, poolMode: 'session' | 'transaction'): Promise<RunningProxy> {
  const { port: serverPort, user, database, verifier, certFile, keyFile, maxSessions } = setup;
  const directory = makeDirectory(setup, `pgbouncer-${poolMode}`);
  const port = await findFreePort();
  writeFileSync(join(directory, 'users.txt'), `"${user}" "${verifier}"\n`);
  writeFileSync(
    join(directory, 'pgbouncer.ini'),
    `[databases]
${database} = host=${host} port=${serverPort}
[pgbouncer]
listen_addr = ${host}
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(directory, 'users.txt')}
pool_mode = ${poolMode}
max_client_conn = ${maxSessions}
default_pool_size = ${maxSessions}
client_tls_sslmode = allow
client_tls_cert_file = ${certFile}
client_tls_key_file = ${keyFile}
`,
  );
  return startProxy('pgbouncer', ['-q', join(directory, 'pgbouncer.ini')], port, directory);
}

export async function startHaProxy(setup: ProxySetup): Promise<RunningProxy> {
  const directory = makeDirectory(setup, 'haproxy');
  const port = await findFreePort();
  writeFileSync(
    join(directory, 'haproxy.cfg'),
    `global
  nbthread 1
  maxconn ${setup.maxSessions * 2}
defaults
  mode tcp
  timeout connect 10s
  timeout client 1h
  timeout server 1h
listen postgres
  bind ${host}:${port}
  server postgres ${host}:${setup.port}
`,
  );
  return startProxy('haproxy', ['-db', '-f', join(directory, 'haproxy.cfg')], port, directory);
}

/** PgBouncer refuses to run as root. */
const nobody = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : undefined;

function idOf(which: '-u' | '-g'): number {
  return Number(spawnSync('id', [which, 'nobody'], { encoding: 'utf8' }).stdout);
}

function makeDirectory({ directory, certFile, keyFile }: ProxySetup, name: string): string {
  const own = join(directory, name);
  mkdirSync(own, { recursive: true });
  if (nobody) for (const path of [own, certFile, keyFile]) chownSync(path, nobody.uid, nobody.gid);
  chmodSync(directory, 0o755);
  return own;
}

/** Resolves once it accepts connections; rejects with its own words when it ends instead. */
async function startProxy(
  program: 'pgbouncer' | 'haproxy',
  args: readonly string[],
  port: number,
  directory: string,
): Promise<RunningProxy> {
  const logFile = join(directory, 'log');
  const log = openSync(logFile, 'a');
  const child = spawn(program, args, { ...nobody, cwd: directory, stdio: ['ignore', log, log] });
  closeSync(log);
  await waitFor(() => {
    if (hasEnded(child)) throw new Error(`${program} did not start: ${readFileSync(logFile, 'utf8').slice(-2_000)}`);
    return accepts(port);
  }, startLimitMs);
  return {
    port,
    pid: child.pid ?? NaN,
    async stop() {
      if (hasEnded(child)) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ port, host });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
