// What a later life must know about a running compute and cannot see: its generation. The process is named by id and start
// time, so that a postmaster somebody else started in the same directory is not taken for ours.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type Generation, parseGeneration } from '@pgwake/ids';
import type { ProcessIdentity } from './process-table.js';

export interface ComputeState {
  readonly generation: Generation;
  readonly process: ProcessIdentity;
}

/** Whole or not at all. Not synced: after a power failure no process of it is left anyway. */
export function writeState(file: string, { generation, process }: ComputeState): void {
  const draft = `${file}.new`;
  writeFileSync(draft, JSON.stringify({ generation, pid: process.pid, startTime: process.startTime }), { mode: 0o600 });
  renameSync(draft, file);
}

/** `undefined` when there is none, or none this version understands. */
export function readState(file: string): ComputeState | undefined {
  let value: { generation?: unknown; pid?: unknown; startTime?: unknown } | null;
  try {
    value = JSON.parse(readFileSync(file, 'utf8')) as typeof value;
  } catch {
    return undefined;
  }
  const { pid, startTime } = value ?? {};
  const generation = typeof value?.generation === 'number' ? parseGeneration(value.generation) : undefined;
  if (generation === undefined || typeof pid !== 'number' || typeof startTime !== 'string') return undefined;
  return { generation, process: { pid, startTime } };
}

export function removeState(file: string): void {
  rmSync(file, { force: true });
}
