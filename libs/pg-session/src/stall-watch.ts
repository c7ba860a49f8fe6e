// Cuts off clients that take nothing of what is for them. A client that vanished while an answer was under way acknowledges
// nothing, which TCP keepalive does not notice (it asks idle peers only) and the kernel for some fifteen minutes; until then its
// compute works, holds its locks and cannot sleep for nobody.
//
// Only clients are watched. A Postgres that executes a long query reads nothing either, so bytes that a compute leaves lying
// say nothing about it, and a slow answer is no stall: there is nothing to take.

import type { OutgoingProgress } from '@pgwake/relay';

/** How often one is looked at before it counts as stalled. */
const looksPerTimeout = 4;

export interface TakingClient {
  /** Without it there is nothing to watch. */
  readonly outgoing: OutgoingProgress | undefined;
  /** Called once. */
  onStall(): void;
}

/** What the last looks saw of a client for which bytes wait. */
interface Waiting {
  readonly sentBytes: number;
  idleLooks: number;
}

/** For all sessions of a process: one timer, and nothing per chunk. */
export class StallWatch {
  readonly #timeoutMs: number;
  /** `undefined`: nothing waited, as with nearly all of them. */
  readonly #watched = new Map<TakingClient, Waiting | undefined>();
  #timer: NodeJS.Timeout | undefined;

  /** `timeoutMs`: how long a client may take nothing, which is noticed up to a quarter later; 0 for ever. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** Until it stalls, or {@link forget}. */
  watch(client: TakingClient): void {
    if (this.#timeoutMs === 0 || client.outgoing === undefined) return;
    this.#watched.set(client, undefined);
    this.#timer ??= setInterval(() => this.#look(), this.#timeoutMs / looksPerTimeout).unref();
  }

  /** As often as one likes. */
  forget(client: TakingClient): void {
    this.#watched.delete(client);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Counts looks instead of time: after a pause of this process nobody is accused of what it did not read. */
  #look(): void {
    for (const [client, before] of this.#watched) {
      const waiting = lookAt(client, before);
      if (waiting !== before) this.#watched.set(client, waiting);
      if (waiting?.idleLooks !== looksPerTimeout) continue;
      this.forget(client);
      client.onStall();
    }
  }
}

function lookAt({ outgoing }: TakingClient, before: Waiting | undefined): Waiting | undefined {
  if (outgoing === undefined || outgoing.writableLength === 0) return undefined;
  const sentBytes = sentBytesOf(outgoing);
  if (before?.sentBytes !== sentBytes) return { sentBytes, idleLooks: 0 };
  before.idleLooks += 1;
  return before;
}

/** A write counts once the system has all of it, so whoever takes less than one chunk in all that time counts as stalled. */
function sentBytesOf({ bytesWritten, writableLength }: OutgoingProgress): number {
  return bytesWritten - writableLength;
}
