// One running postmaster, our child or taken over from an earlier life. Knows whether it lives, ends it, tells when it ended.

import type { ClusterPlace } from './cluster-place.js';
import { clearLeftovers, findPostmaster, killLimitMs, waitUntilGone } from './leftovers.js';
import { readLastWords } from './log-file.js';
import { isAlive, type ProcessIdentity, signalProcess } from './process-table.js';

/** How we learn that a process ended. A child gives an event; a process we adopted gives none. */
export interface ExitWatch {
  /** Resolves when the process is gone. Stays pending for ever after `release`. */
  readonly gone: Promise<void>;
  /** Lets go of the process: no event, timer or handle keeps our own process alive for it. */
  release(): void;
}

/** The part of a stop that is left when Postgres is told to drop its clients without a checkpoint. */
const immediateShareMs = 1_000;

const strangerLimitMs = 5_000;

export class Postmaster {
  readonly #exit: ExitWatch;

  constructor(
    readonly identity: ProcessIdentity,
    readonly place: ClusterPlace,
    readonly port: number,
    readonly listenAddress: string | undefined,
    exit: ExitWatch,
  ) {
    this.#exit = exit;
  }

  /** Resolves when the process is gone, for whatever reason. Never rejects. */
  get gone(): Promise<void> {
    return this.#exit.gone;
  }

  isAlive(): boolean {
    return isAlive(this.identity);
  }

  /** The last lines it wrote itself; never SQL. */
  lastWords(): string {
    return readLastWords(this.place.logFile, this.identity.pid);
  }

  /**
   * Fast shutdown (clients are cut off, everything is written); near the limit the immediate one (the next start recovers),
   * at the limit by force. Resolves when no process of the cluster is left.
   */
  stop(limitMs: number): Promise<void> {
    return this.#end([
      [0, 'SIGINT'],
      [Math.max(limitMs - immediateShareMs, limitMs / 2), 'SIGQUIT'],
      [limitMs, 'SIGKILL'],
    ]);
  }

  /** Immediate shutdown, by force after a second. For clusters whose next start may recover. */
  abandon(): Promise<void> {
    return this.#end([
      [0, 'SIGQUIT'],
      [immediateShareMs, 'SIGKILL'],
    ]);
  }

  release(): void {
    this.#exit.release();
  }

  async #end(steps: readonly (readonly [afterMs: number, signal: NodeJS.Signals])[]): Promise<void> {
    const [first, ...later] = steps;
    if (first) signalProcess(this.identity, first[1]);
    const timers = later.map(([afterMs, signal]) => setTimeout(signalProcess, afterMs, this.identity, signal));
    try {
      await waitUntilGone(this.identity, (steps.at(-1)?.[0] ?? 0) + killLimitMs);
    } finally {
      timers.forEach(clearTimeout);
    }
    await clearLeftovers(this.place); // none after a shutdown that went well
  }
}

/** Ends a postmaster nobody asked for (its starter was killed, or it was started by hand): two would destroy the data. */
export async function endStranger(place: ClusterPlace): Promise<void> {
  const identity = findPostmaster(place);
  if (!identity) return;
  const unwatched: ExitWatch = { gone: new Promise(() => undefined), release: () => undefined };
  await new Postmaster(identity, place, 0, undefined, unwatched).stop(strangerLimitMs);
}
