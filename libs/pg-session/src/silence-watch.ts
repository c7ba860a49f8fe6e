// Finds out when a compute is gone that owes answers. A machine that loses its power says nothing: TCP keepalive asks idle
// peers only, and the kernel repeats a query that nobody acknowledges for some fifteen minutes. A slow query looks the same,
// so silence alone proves nothing: after some of it the compute's address is asked for a sign of life, and only who gives
// none, twice in a row, is given up.
//
// Sessions that owe nothing, and those that we do not read from because their client is slow, are left alone.

import type { ProbeResult } from '@pgwake/pg-dial';

/** How often a session is looked at before its compute counts as silent. */
const looksPerSilence = 4;
const silentProbesToLose = 2;

/** A socket to a compute, as Node's are. To be sampled, never per chunk. */
export interface ListenedSocket {
  readonly bytesRead: number;
  isPaused(): boolean;
}

export interface ComputeSocket extends ListenedSocket {
  /** Absent on a unix socket: it leads to this very machine. */
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

export interface ComputeAddress {
  readonly kind: 'tcp';
  readonly host: string;
  readonly port: number;
}

/** Takes a few seconds at most. Never rejects. */
export type Probe = (address: ComputeAddress) => Promise<ProbeResult>;

/** A compute that a session is connected to. */
export interface AwaitedCompute {
  /** Absent where nobody can be asked. */
  readonly address: ComputeAddress | undefined;
  readonly socket: ListenedSocket;
  isAnswerDue(): boolean;
  /** It has vanished. Called once. */
  onSilence(cause: Error): void;
}

/** What the last looks saw of it. */
interface Seen {
  bytesRead: number;
  /** Since the first look that found it waiting; -1 while it is not. */
  silentLooks: number;
}

/** Everything that is known of one address: one question serves all sessions that wait there. */
interface Place {
  readonly address: ComputeAddress;
  readonly computes: Map<AwaitedCompute, Seen>;
  silentProbes: number;
  isBeingAsked: boolean;
}

export function computeAddressOf({ remoteAddress: host, remotePort: port }: ComputeSocket): ComputeAddress | undefined {
  return host === undefined || port === undefined ? undefined : { kind: 'tcp', host, port };
}

/** For all sessions of a process: one timer, and nothing per chunk. */
export class SilenceWatch {
  readonly #silenceMs: number;
  readonly #probe: Probe;
  readonly #places = new Map<string, Place>();
  #timer: NodeJS.Timeout | undefined;

  /** `silenceMs`: after how long without a byte a compute is asked, up to a quarter later; 0 for never. */
  constructor(silenceMs: number, probe: Probe) {
    this.#silenceMs = silenceMs;
    this.#probe = probe;
  }

  /** Until it is given up, or {@link forget}. */
  watch(compute: AwaitedCompute): void {
    if (this.#silenceMs === 0 || compute.address === undefined) return;
    this.#placeAt(compute.address).computes.set(compute, { bytesRead: compute.socket.bytesRead, silentLooks: -1 });
    this.#timer ??= setInterval(() => this.#look(), this.#silenceMs / looksPerSilence).unref();
  }

  /** As often as one likes. */
  forget(compute: AwaitedCompute): void {
    if (compute.address === undefined) return;
    const key = keyOf(compute.address);
    const place = this.#places.get(key);
    if (place?.computes.delete(compute) !== true || place.computes.size > 0) return;
    this.#places.delete(key);
    if (this.#places.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Counts looks instead of time: a pause of this process is no silence of a compute. */
  #look(): void {
    for (const place of this.#places.values()) {
      let isAnybodyWaiting = false;
      for (const [compute, seen] of place.computes) {
        const { bytesRead } = compute.socket;
        if (bytesRead !== seen.bytesRead) place.silentProbes = 0;
        seen.silentLooks = isSilent(compute, seen) ? seen.silentLooks + 1 : -1;
        seen.bytesRead = bytesRead;
        isAnybodyWaiting ||= hasWaitedLong(seen);
      }
      if (isAnybodyWaiting && !place.isBeingAsked) void this.#ask(place);
    }
  }

  async #ask(place: Place): Promise<void> {
    place.isBeingAsked = true;
    const result = await this.#probe(place.address);
    place.isBeingAsked = false;
    if (result === 'silent') {
      place.silentProbes += 1;
      // The next look asks again: the network may have been away for a moment.
      if (place.silentProbes >= silentProbesToLose) this.#giveUp(place);
      return;
    }
    if (result === 'alive') place.silentProbes = 0;
    for (const seen of place.computes.values()) seen.silentLooks = Math.min(seen.silentLooks, 0);
  }

  #giveUp(place: Place): void {
    const cause = new Error(
      `no sign of life from the compute for ${this.#silenceMs} ms, nor when its address was asked`,
    );
    for (const [compute, seen] of place.computes) {
      // It may have spoken while its address was asked.
      if (!hasWaitedLong(seen) || !isSilent(compute, seen)) continue;
      this.forget(compute);
      compute.onSilence(cause);
    }
  }

  #placeAt(address: ComputeAddress): Place {
    const key = keyOf(address);
    const place = this.#places.get(key) ?? { address, computes: new Map(), silentProbes: 0, isBeingAsked: false };
    this.#places.set(key, place);
    return place;
  }
}

function isSilent(compute: AwaitedCompute, { bytesRead }: Seen): boolean {
  return compute.socket.bytesRead === bytesRead && !compute.socket.isPaused() && compute.isAnswerDue();
}

function hasWaitedLong({ silentLooks }: Seen): boolean {
  return silentLooks >= looksPerSilence;
}

function keyOf({ host, port }: ComputeAddress): string {
  return `${host} ${port}`;
}
