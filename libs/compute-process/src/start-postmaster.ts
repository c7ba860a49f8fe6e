// Starts a postmaster and resolves at the moment it accepts connections. The time on top of Postgres' own start is a
// matter of a few small file operations: no shell, no helper process, no polling.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ClusterPlace, makePlace } from './cluster-place.js';
import { type DatabaseUser, spawnIdentity } from './database-user.js';
import { findFreePort } from './free-port.js';
import { clearLeftovers } from './leftovers.js';
import { openLog, readStartWords } from './log-file.js';
import { endStranger, type ExitWatch, Postmaster } from './postmaster.js';
import { identifyProcess } from './process-table.js';
import { watchReadiness } from './readiness.js';
import { databaseEnvironment } from './run-program.js';
import { classifyEarlyExit, classifySystemError, portTaken, type StartFailure } from './start-failure.js';

export interface PostmasterPlan {
  readonly binDir: string;
  readonly user: DatabaseUser | undefined;
  readonly place: ClusterPlace;
  /** Told to clients that ask `SHOW cluster_name`; at most 63 bytes. */
  readonly clusterName: string;
  /** It always listens on the socket in its place; with `tcp` on 127.0.0.1 too, on a free port. */
  readonly listen: 'unix' | 'tcp';
  /** Settings on the command line, which win over the cluster's own files. */
  readonly settings: Readonly<Record<string, string>>;
  /** Called as soon as the process exists, before it is ready. */
  readonly onSpawned?: (postmaster: Postmaster) => void;
}

/** Milliseconds: `clear` (leftovers of a crash, log, port), `spawn` (fork and exec), `ready` (Postgres itself). */
export type PostmasterPhases = Readonly<Record<'clear' | 'spawn' | 'ready', number>>;

export type PostmasterStart =
  { readonly ok: true; readonly postmaster: Postmaster; readonly phases: PostmasterPhases } | StartFailure;

const loopback = '127.0.0.1';
/** Of a socket in a private directory: nothing else can have it. */
const socketPort = 5432;
const portAttempts = 5;

/**
 * Resolves once connections are accepted, or with the reason why they never will be; nothing runs then. An abort ends what
 * was started. The caller sees to it that one start at a time happens per place (Postgres' lock file is the second guard).
 */
export async function startPostmaster(plan: PostmasterPlan, signal: AbortSignal): Promise<PostmasterStart> {
  const begunAt = performance.now();
  if (!existsSync(join(plan.place.dataDirectory, 'PG_VERSION'))) {
    return { ok: false, transient: false, detail: `there is no database in ${plan.place.dataDirectory}` };
  }
  makePlace(plan.place, plan.user);
  await endStranger(plan.place);
  await clearLeftovers(plan.place);
  for (let attempt = 1; ; attempt += 1) {
    const port = plan.listen === 'tcp' ? await findFreePort(loopback) : socketPort;
    const outcome = await launch(plan, port, begunAt, signal);
    if (outcome.ok || !portTaken(outcome) || attempt === portAttempts) return outcome;
  }
}

async function launch(
  plan: PostmasterPlan,
  port: number,
  begunAt: number,
  signal: AbortSignal,
): Promise<PostmasterStart> {
  const { place } = plan;
  if (signal.aborted) return abandoned(begunAt);
  const log = openLog(place.logFile);
  let child: ChildProcess | undefined;
  let settle: (event: 'ready' | 'aborted') => void = () => undefined;
  const event = new Promise<'ready' | 'aborted'>((resolve) => (settle = resolve));
  const stopWatching = watchReadiness(
    place.dataDirectory,
    () => child?.pid,
    () => settle('ready'),
  );
  const onAbort = (): void => settle('aborted');
  signal.addEventListener('abort', onAbort);
  try {
    const clearedAt = performance.now();
    child = spawnPostmaster(plan, port, log.fd);
    const { exited, watch } = watchChild(child);
    const spawnedAt = performance.now();
    const identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
    if (!identity) return explain(await exited, place, log.startOffset);
    const postmaster = new Postmaster(identity, place, port, plan.listen === 'tcp' ? loopback : undefined, watch);
    try {
      plan.onSpawned?.(postmaster);
    } catch (error) {
      await postmaster.abandon(); // otherwise it runs on, and nobody knows of it
      throw error;
    }
    const first = await Promise.race([event, exited]);
    if (first === 'aborted') {
      await postmaster.abandon();
      return abandoned(begunAt);
    }
    if (first !== 'ready') return explain(first, place, log.startOffset);
    const phases = { clear: clearedAt - begunAt, spawn: spawnedAt - clearedAt, ready: performance.now() - spawnedAt };
    return { ok: true, postmaster, phases };
  } finally {
    stopWatching();
    signal.removeEventListener('abort', onAbort);
    closeSync(log.fd);
  }
}

function spawnPostmaster(plan: PostmasterPlan, port: number, logFd: number): ChildProcess {
  const settings: Record<string, string> = {
    ...plan.settings,
    cluster_name: plan.clusterName,
    port: String(port),
    unix_socket_directories: plan.place.socketDirectory,
    listen_addresses: plan.listen === 'tcp' ? loopback : '',
    log_destination: 'stderr',
    logging_collector: 'off',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return spawn(join(plan.binDir, 'postgres'), ['-D', plan.place.dataDirectory, ...args], {
    ...spawnIdentity(plan.user),
    // From its first instruction the process can be found by its directory, also when we are killed right now.
    cwd: plan.place.dataDirectory,
    detached: true,
    env: databaseEnvironment(),
    stdio: ['ignore', logFd, logFd],
  });
}

interface ChildExit {
  readonly signal: NodeJS.Signals | null;
  readonly error: NodeJS.ErrnoException | undefined;
}

function watchChild(child: ChildProcess): { exited: Promise<ChildExit>; watch: ExitWatch } {
  const exited = new Promise<ChildExit>((resolve) => {
    child.once('exit', (_code, signal) => resolve({ signal, error: undefined }));
    child.once('error', (error) => resolve({ signal: null, error }));
  });
  const gone = exited.then(() => undefined);
  return { exited, watch: { gone, release: () => child.unref() } };
}

function explain(exit: ChildExit, place: ClusterPlace, logOffset: number): StartFailure {
  return exit.error
    ? classifySystemError(exit.error)
    : classifyEarlyExit(readStartWords(place.logFile, logOffset), exit.signal);
}

function abandoned(begunAt: number): StartFailure {
  const afterMs = Math.round(performance.now() - begunAt);
  return { ok: false, transient: true, detail: `the start was given up after ${afterMs} ms` };
}
