// A real Redis for tests, on a free port and a unix socket, without persistence. It can be frozen, killed and restarted.
// It ends by pid; what a killed test run left behind is swept away by the next one.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ProcessIdentity, identifyProcess, isAlive, signalProcess } from '@pgwake/compute-process';
import { findFreePort } from './free-port.js';
import { findRedisServer } from './redis-binary.js';
import { type RedisBinary, makeCacheFolder } from './redis-fetch.js';
import { waitFor } from './wait-for.js';

export interface TestRedisOptions {
  /** What a client must log in with. Without a user it is the password of the default user. Default: nobody has to. */
  readonly login?: { readonly user?: string; readonly password: string };
  /** Lines of redis.conf, such as `maxmemory` or `tls-port`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface TestRedis {
  /** Of the present process; another one after a restart. */
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  readonly socketPath: string;
  /** With user and password, as clients take it. */
  readonly url: string;
  /** Resolves when it does nothing any more; its sockets stay open. */
  freeze(): Promise<void>;
  thaw(): void;
  /** Ends it at once, frozen or not. */
  kill(): Promise<void>;
  /** At the same port, killed first if it runs. What it knew is lost, unless `settings` make it keep that. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const host = '127.0.0.1';
const startLimitMs = 10_000;
const freezeLimitMs = 1_000;
const startAttempts = 5;

/** Rejects with Redis' own words when it does not come up, and when there is none: see `skipWithoutRedis`. */
export async function startTestRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const binary = await findRedisServer();
  if (binary === undefined) throw new Error('redis not found');
  const runs = join(makeCacheFolder(), 'runs');
  sweep(runs);
  const directory = join(runs, `${process.pid}-${randomBytes(4).toString('hex')}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const socketPath = join(directory, 'redis.sock');

  let port = 0;
  let child: ChildProcess;
  // Somebody else may take a free port before Redis does.
  for (let attempt = 1; ; attempt += 1) {
    port = await findFreePort();
    writeFileSync(join(directory, 'redis.conf'), configuration(port, directory, options), { mode: 0o600 });
    try {
      child = await startServer(binary, directory);
      break;
    } catch (error) {
      if (attempt < startAttempts && String(error).includes('in use')) continue;
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  const { user = '', password } = options.login ?? {};
  const credentials = password === undefined ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
  return {
    get pid() {
      return pidOf(child);
    },
    host,
    port,
    socketPath,
    url: `redis://${credentials}${host}:${port}`,
    async freeze() {
      child.kill('SIGSTOP');
      // The signal is sent, not yet obeyed. Without /proc (macOS) there is nothing to see it by.
      if (process.platform === 'linux') await waitFor(() => isFrozen(pidOf(child)), freezeLimitMs);
    },
    thaw: () => void child.kill('SIGCONT'),
    kill,
    async restart() {
      await kill();
      child = await startServer(binary, directory);
    },
    async stop() {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function configuration(port: number, directory: string, { login, settings = {} }: TestRedisOptions): string {
  const lines = [
    `bind ${host}`,
    `port ${port}`,
    `unixsocket ${join(directory, 'redis.sock')}`,
    `dir ${directory}`,
    'save ""',
    'appendonly no',
    ...loginLines(login),
    ...Object.entries(settings).map(([name, value]) => `${name} ${value}`),
  ];
  return `${lines.join('\n')}\n`;
}

function loginLines(login: TestRedisOptions['login']): string[] {
  if (login === undefined) return [];
  const { user, password } = login;
  // JSON's quoting is understood by Redis.
  if (user === undefined) return [`requirepass ${JSON.stringify(password)}`];
  return ['user default off', `user ${user} on ${JSON.stringify(`>${password}`)} ~* &* +@all`];
}

/** Resolves when it accepts connections. */
async function startServer(binary: RedisBinary, directory: string): Promise<ChildProcess> {
  const child = spawn(binary.path, [join(directory, 'redis.conf')], {
    env: { ...process.env, ...binary.env },
    stdio: ['ignore', 'pipe', 'pipe'], // the log, and what is wrong with the configuration
  });
  let log = '';
  const limit = setTimeout(() => child.kill('SIGKILL'), startLimitMs);
  try {
    await new Promise<void>((resolve, reject) => {
      for (const output of [child.stdout, child.stderr]) {
        output.on('data', (chunk: Buffer) => {
          log = (log + chunk.toString()).slice(-10_000); // and read on for ever: a full pipe would stop it
          if (log.includes('Ready to accept connections')) resolve();
        });
      }
      child.once('error', reject);
      child.once('close', () => reject(new Error(`the test Redis did not start: ${log.trim()}`)));
    });
  } finally {
    clearTimeout(limit);
  }
  writeFileSync(join(directory, 'process.json'), JSON.stringify(identifyProcess(pidOf(child))));
  return child;
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the test Redis has no process');
  return child.pid;
}

/** The state in `/proc/PID/stat` (proc(5)) stands after the name, which ends at the last bracket. */
function isFrozen(pid: number): boolean {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').startsWith('T');
}

/** Directories are named after the process that made them; those of dead ones are nobody's any more. */
function sweep(runs: string): void {
  mkdirSync(runs, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(runs)) {
    if (identifyProcess(Number.parseInt(name, 10)) !== undefined) continue;
    const directory = join(runs, name);
    const identity = readIdentity(directory);
    if (identity !== undefined && isAlive(identity)) signalProcess(identity, 'SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
}

function readIdentity(directory: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, 'process.json'), 'utf8')) as ProcessIdentity;
  } catch {
    return undefined; // it ended before it had started
  }
}
