// What a process has used, from /proc (proc(5)). Linux only.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
// Fields 14 and 15, counted from the state, which is field 3.
const [userTicks, systemTicks] = [11, 12];

/** Seconds of user and system time so far, of all its threads. */
export function readCpuSeconds(pid: number): number {
  // The name stands in brackets and may hold brackets and spaces itself.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ');
  return (Number(fields[userTicks]) + Number(fields[systemTicks])) / ticksPerSecond;
}

/** Resident memory in bytes: now, or the most it ever was. */
export function readMemory(pid: number, line: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1_024;
}
