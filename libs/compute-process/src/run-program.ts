// Runs a helper program to its end. Not for postmasters: those outlive us.

import { spawn } from 'node:child_process';
import { type DatabaseUser, spawnIdentity } from './database-user.js';

export interface ProgramResult {
  readonly ok: boolean;
  /** Standard output and standard error as they came. */
  readonly output: string;
}

/**
 * The environment of every Postgres process. Ours may hold secrets (keys, connection strings), and a user of the
 * database can read the environment of its backend.
 */
export function databaseEnvironment(): Record<string, string> {
  const { PATH, LD_LIBRARY_PATH } = process.env;
  return { PATH: PATH ?? '/usr/bin:/bin', LC_ALL: 'C', ...(LD_LIBRARY_PATH ? { LD_LIBRARY_PATH } : {}) };
}

/** Never rejects: a program that cannot be started is a result with the reason as its output. */
export function runProgram(
  file: string,
  args: readonly string[],
  options: { user: DatabaseUser | undefined; stdin?: string },
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    // The current directory may be closed to the other account, and Postgres refuses to run where it cannot look.
    const child = spawn(file, args, { ...spawnIdentity(options.user), cwd: '/', env: databaseEnvironment() });
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output: Buffer.concat(output).toString() }));
    child.stdin.on('error', () => undefined); // a program that ends early closes its input; its exit code tells
    child.stdin.end(options.stdin ?? '');
  });
}

/** The line that tells what went wrong, for a message of one sentence. Never the one that quotes the statement. */
export function reasonIn(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '' && !line.includes('STATEMENT:'));
  return (lines.find((line) => /\b(?:error|fatal|panic)\b/i.test(line)) ?? lines[0] ?? 'it gave no reason').trim();
}
