// Cuts off clients that take nothing of what is for them. A client that vanished while an answer was under way acknowledges
// nothing, which TCP keepalive does not notice (it asks idle peers only) and the kernel for some fifteen minutes; until then its
// compute works, holds its locks and cannot sleep for nobody.
//
// Only clients are watched. A Postgres that executes a long query reads nothing either, so bytes that a compute leaves lying
// say nothing about it, and a slow answer is no stall: there is nothing to take.

import type { OutgoingProgress } from '@pgwake/relay';

/** How often one is looked at before it counts as stalled. */
const looksPerTimeout = 4;

interface Watched {
  readonly progress: OutgoingProgress;
  readonly onStall: () => void;
  sentBytes: number;
  idleLooks: number;
}

/** For all sessions of a process: one timer, and nothing per chunk. */
export class StallWatch {
  readonly #timeoutMs: number;
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;

  /** `timeoutMs`: how long a client may take nothing, which is noticed up to a quarter later; 0 for ever. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** Calls `onStall` once, unless the function it gives is called first. Without `progress` there is nothing to watch. */
  watch(progress: OutgoingProgress | undefined, onStall: () => void): () => void {
    if (this.#timeoutMs === 0 || progress === undefined) return () => undefined;
    const watched: Watched = { progress, onStall, sentBytes: sentBytesOf(progress), idleLooks: 0 };
    this.#watched.add(watched);
    this.#timer ??= setInterval(() => this.#look(), this.#timeoutMs / looksPerTimeout).unref();
    return () => this.#forget(watched);
  }

  /** Counts looks instead of time: after a pause of this process nobody is accused of what it did not read. */
  #look(): void {
    for (const watched of this.#watched) {
      const sentBytes = sentBytesOf(watched.progress);
      const stands = watched.progress.writableLength > 0 && sentBytes === watched.sentBytes;
      watched.idleLooks = stands ? watched.idleLooks + 1 : 0;
      watched.sentBytes = sentBytes;
      if (watched.idleLooks < looksPerTimeout) continue;
      this.#forget(watched);
      watched.onStall();
    }
  }

  #forget(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** A write counts once the system has all of it, so whoever takes less than one chunk in all that time counts as stalled. */
function sentBytesOf({ bytesWritten, writableLength }: OutgoingProgress): number {
  return bytesWritten - writableLength;
}
