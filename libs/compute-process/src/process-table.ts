// Who runs on this machine. A process id alone says nothing: ids are reused, so a process is its id and its start time.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the words of this machine's process table. Good for comparing only. */
  readonly startTime: string;
}

export interface ProcessTable {
  /** `undefined` when there is no such process, or only its remains (a zombie). */
  find(pid: number): ProcessIdentity | undefined;
  /** The Postgres processes whose working directory is `directory`: a postmaster and all its children sit in their data directory. */
  postgresIn(directory: string): readonly number[];
  /** The same question for one process. */
  isPostgresIn(pid: number, directory: string): boolean;
  /** How often it may be asked while somebody waits for a process to end. */
  readonly pollMs: number;
}

/** The line of `/proc/PID/stat` (proc(5)). The name may hold spaces and brackets, so fields count from the last `)`. */
export function parseProcStat(line: string): { name: string; state: string; startTime: string } | undefined {
  const nameEnd = line.lastIndexOf(')');
  const fields = line.slice(nameEnd + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]]; // fields 3 and 22
  return state && startTime ? { name: line.slice(line.indexOf('(') + 1, nameEnd), state, startTime } : undefined;
}

function readProcStat(pid: number): ReturnType<typeof parseProcStat> {
  const text = orUndefined(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const stat = text === undefined ? undefined : parseProcStat(text);
  return stat?.state === 'Z' || stat?.state === 'X' ? undefined : stat;
}

const procFiles: ProcessTable = {
  find(pid) {
    const stat = readProcStat(pid);
    return stat && { pid, startTime: stat.startTime };
  },
  postgresIn(directory) {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return pids.map(Number).filter((pid) => procFiles.isPostgresIn(pid, directory));
  },
  isPostgresIn(pid, directory) {
    // By name too: an operator's shell may stand in the directory, and what is found here is killed.
    return orUndefined(() => readlinkSync(`/proc/${pid}/cwd`)) === directory && readProcStat(pid)?.name === 'postgres';
  },
  pollMs: 5,
};

/** The output of `lsof -Fpn`: a line `p<pid>` per process, then `n<path>` per file. */
export function parseLsof(output: string, directory: string): number[] {
  const found: number[] = [];
  let pid = 0;
  for (const line of output.split('\n')) {
    if (line.startsWith('p')) pid = Number(line.slice(1));
    if (line === `n${directory}`) found.push(pid);
  }
  return found;
}

/** Where there is no /proc (macOS). Slower, and asked for the same few things. */
export const psPrograms: ProcessTable = {
  find(pid) {
    const line = orUndefined(() =>
      execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }).trim(),
    );
    if (!line || line.startsWith('Z')) return undefined;
    return { pid, startTime: line.slice(line.indexOf(' ')).trim() };
  },
  postgresIn(directory) {
    return parseLsof(lsof([]), directory);
  },
  isPostgresIn(pid, directory) {
    return parseLsof(lsof(['-p', String(pid)]), directory).includes(pid);
  },
  pollMs: 50,
};

/** The working directories of Postgres processes. lsof exits with 1 when there is none. */
function lsof(selection: readonly string[]): string {
  const args = ['-a', '-c', 'postgres', '-d', 'cwd', ...selection, '-Fpn'];
  return orUndefined(() => execFileSync('lsof', args, { encoding: 'utf8', stdio: 'pipe' })) ?? '';
}

export const processTable: ProcessTable = process.platform === 'linux' ? procFiles : psPrograms;

/** `undefined` when there is no such process, or only its remains (a zombie). */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  return processTable.find(pid);
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTime === identity.startTime;
}

/** Sends a signal to this very process; to nobody when it is gone. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A process may end between two looks at it; that is an answer too. */
function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
