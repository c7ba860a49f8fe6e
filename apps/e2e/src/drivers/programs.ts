// The drivers that are no npm packages: programs of this machine, which tests look for and never install.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Stage } from './stories.js';

/** Whether the program can be run with these arguments. */
export function works(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** A Python that has psycopg2: that of Debian's packages need not be the first in the PATH. */
export function findPython(): string | undefined {
  return ['python3', '/usr/bin/python3'].find((python) => works(python, '-c', 'import psycopg2'));
}

/** The JDBC driver: PGJDBC_JAR, or where Debian puts it. */
export function findJdbcJar(): string | undefined {
  return [process.env.PGJDBC_JAR ?? '', '/usr/share/java/postgresql.jar', '/usr/share/java/postgresql-jdbc.jar']
    .filter((path) => path !== '')
    .find((path) => existsSync(path));
}

/** How everything that stands on libpq reaches a stage: https://www.postgresql.org/docs/current/libpq-envars.html */
export function libpqEnvironment({ connection, tls }: Stage): NodeJS.ProcessEnv {
  const { host, port, user, password, database, options } = connection;
  return {
    ...process.env,
    PGHOST: tls?.hostName ?? host,
    PGHOSTADDR: host,
    PGPORT: String(port),
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: database,
    PGOPTIONS: options,
    PGSSLMODE: tls ? 'verify-full' : 'disable',
    PGSSLROOTCERT: tls?.caFile ?? '',
    PGCONNECT_TIMEOUT: '30',
  };
}

export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

export interface Running {
  readonly finished: Promise<Finished>;
  signal(signal: NodeJS.Signals): void;
  /** What it has said so far on standard output. */
  readonly said: () => string;
  /** To its standard input. */
  write(text: string): void;
  /** Closes its standard input. */
  end(): void;
}

/** The caller ends its standard input, which many programs wait for. */
export function startProgram(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Running {
  const child = spawn(program, args, { env, stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => undefined); // a program may end before it has read everything
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ stdout, stderr, status }));
  });
  return {
    finished,
    signal: (signal) => child.kill(signal),
    said: () => stdout,
    write: (text) => child.stdin.write(text),
    end: () => child.stdin.end(),
  };
}

/** Runs it to its end. Rejects with what it said when it fails. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { env, input = '' }: { readonly env: NodeJS.ProcessEnv; readonly input?: string },
): Promise<Finished> {
  const running = startProgram(program, args, env);
  running.write(input);
  running.end();
  const finished = await running.finished;
  if (finished.status !== 0) throw new Error(`${program} ended with ${finished.status}: ${finished.stderr}`);
  return finished;
}
