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
  /** Absent on a unix socket: it leads to this very machine. */
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly bytesRead: number;
  isPaused(): boolean;
}

export interface ComputeAddress {
  readonly kind: 'tcp';
  readonly host: string;
  readonly port: number;
}

/** Takes a few seconds at most. Never rejects. */
export type Probe = (address: ComputeAddress) => Promise<ProbeResult>;

export interface Listener {
  readonly isAnswerDue: () => boolean;
  readonly onLost: (cause: Error) => void;
}

interface Session extends Listener {
  readonly socket: ListenedSocket;
  bytesRead: number;
  /** Since the first look that found it waiting; -1 while it is not. */
  silentLooks: number;
}

/** Everything that is known of one address: one question serves all sessions that wait there. */
interface Place {
  readonly address: ComputeAddress;
  readonly sessions: Set<Session>;
  silentProbes: number;
  isBeingAsked: boolean;
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

  /** Calls `onLost` once, unless the function it gives is called first. */
  watch(socket: ListenedSocket, listener: Listener): () => void {
    const { remoteAddress: host, remotePort: port } = socket;
    if (this.#silenceMs === 0 || host === undefined || port === undefined) return () => undefined;
    const session: Session = { ...listener, socket, bytesRead: socket.bytesRead, silentLooks: -1 };
    const place = this.#placeAt({ kind: 'tcp', host, port });
    place.sessions.add(session);
    this.#timer ??= setInterval(() => this.#look(), this.#silenceMs / looksPerSilence).unref();
    return () => this.#forget(place, session);
  }

  /** Counts looks instead of time: a pause of this process is no silence of a compute. */
  #look(): void {
    for (const place of this.#places.values()) {
      let isAnybodyWaiting = false;
      for (const session of place.sessions) {
        if (session.socket.bytesRead !== session.bytesRead) place.silentProbes = 0;
        session.silentLooks = isSilent(session) ? session.silentLooks + 1 : -1;
        session.bytesRead = session.socket.bytesRead;
        isAnybodyWaiting ||= hasWaitedLong(session);
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
    for (const session of place.sessions) session.silentLooks = Math.min(session.silentLooks, 0);
  }

  #giveUp(place: Place): void {
    const cause = new Error(
      `no sign of life from the compute for ${this.#silenceMs} ms, nor when its address was asked`,
    );
    for (const session of place.sessions) {
      // It may have spoken while its address was asked.
      if (!hasWaitedLong(session) || !isSilent(session)) continue;
      this.#forget(place, session);
      session.onLost(cause);
    }
  }

  #placeAt(address: ComputeAddress): Place {
    const key = keyOf(address);
    const place = this.#places.get(key) ?? { address, sessions: new Set(), silentProbes: 0, isBeingAsked: false };
    this.#places.set(key, place);
    return place;
  }

  #forget(place: Place, session: Session): void {
    place.sessions.delete(session);
    if (place.sessions.size > 0) return;
    // A place that nobody was left at may be another one by now.
    if (this.#places.get(keyOf(place.address)) === place) this.#places.delete(keyOf(place.address));
    if (this.#places.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function isSilent({ socket, bytesRead, isAnswerDue }: Session): boolean {
  return socket.bytesRead === bytesRead && !socket.isPaused() && isAnswerDue();
}

function hasWaitedLong({ silentLooks }: Session): boolean {
  return silentLooks >= looksPerSilence;
}

function keyOf({ host, port }: ComputeAddress): string {
  return `${host} ${port}`;
}
