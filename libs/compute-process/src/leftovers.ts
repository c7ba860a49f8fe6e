// What a crashed postmaster leaves in its data directory: backends that run on (each is a process group of its own, so no
// signal to the group reaches them) and lock files. Both keep the next postmaster from starting.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterPlace } from './cluster-place.js';
import { postmasterFileName, readPostmasterFile } from './postmaster-pid.js';
import { identifyProcess, isAlive, type ProcessIdentity, processTable, signalProcess } from './process-table.js';

/** A killed process that is still there after this is held by the kernel. */
export const killLimitMs = 10_000;

/** The postmaster that runs in this data directory, whoever started it. */
export function findPostmaster(place: ClusterPlace): ProcessIdentity | undefined {
  const file = readPostmasterFile(place.dataDirectory);
  // A file left by a crash may name a process that has nothing to do with us: it must sit in this directory.
  if (!file || !processTable.isPostgresIn(file.pid, place.dataDirectory)) return undefined;
  return identifyProcess(file.pid);
}

/** Ends every process of the cluster by force and waits until all are gone. */
async function endProcesses(place: ClusterPlace): Promise<void> {
  for (const pid of processTable.postgresIn(place.dataDirectory)) {
    const found = identifyProcess(pid);
    if (!found) continue;
    signalProcess(found, 'SIGKILL');
    await waitUntilGone(found, killLimitMs);
  }
}

/** Throws when the process outlives the limit, which after SIGKILL means the kernel holds it. */
export async function waitUntilGone(identity: ProcessIdentity, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (isAlive(identity)) {
    if (performance.now() > deadline) throw new Error(`process ${identity.pid} does not end`);
    await sleep(processTable.pollMs);
  }
}

/**
 * Makes a data directory ready for a new postmaster after a crash; costs one look for a file after a clean shutdown.
 * Postgres itself believes a lock file as long as *any* process has the id written in it: after a reboot that is easily
 * the backend of another cluster, and the start would fail for ever.
 */
export async function clearLeftovers(place: ClusterPlace): Promise<void> {
  const file = readPostmasterFile(place.dataDirectory);
  if (!file || findPostmaster(place)) return; // a living postmaster is no leftover
  await endProcesses(place);
  rmSync(join(place.dataDirectory, postmasterFileName), { force: true });
  if (file.port === undefined) return;
  for (const name of [`.s.PGSQL.${file.port}`, `.s.PGSQL.${file.port}.lock`])
    rmSync(join(place.socketDirectory, name), { force: true });
}
