// One direction of a connection through the fault proxy: carries bytes from a source to a sink and does to them what its
// fault says. At most one chunk is on its way at a time, so a slow sink slows its source, as without a proxy.

import { Transform, addAbortSignal } from 'node:stream';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Borders } from './fault-proxy-borders.js';

/** Counted from where the fault came upon the stream; on a new connection, from its start. */
export type FaultPoint =
  | { readonly bytes: number }
  /** Ends of Postgres messages, startup packets and answers to a request for encryption. */
  | { readonly messages: number };

export type LaneFault =
  | { readonly kind: 'latency'; readonly delayMs: number }
  /** So many bytes at a time, with a pause after each. */
  | { readonly kind: 'slice'; readonly bytes: number; readonly everyMs: number }
  /** Inverts the byte at that place, counted from 0. */
  | { readonly kind: 'corrupt'; readonly atByte: number }
  /** Takes nothing more after the point, not even the end; the sender feels it. */
  | { readonly kind: 'stall'; readonly after: FaultPoint }
  /** Takes everything after the point and passes none of it on, as with an answer that gets lost. Passes the end on. */
  | { readonly kind: 'drop'; readonly after: FaultPoint }
  /** Ends this direction at the point; the other one goes on. */
  | { readonly kind: 'halfClose'; readonly after: FaultPoint }
  /** Resets both sides at the point (a unix socket has no reset: it is closed). */
  | { readonly kind: 'reset'; readonly after: FaultPoint };

type PointFault = Extract<LaneFault, { after: FaultPoint }>;

/** What happened in all lanes of a proxy. */
export interface LaneCounters {
  delayed: number;
  slices: number;
  corrupted: number;
  stalls: number;
  droppedBytes: number;
  halfCloses: number;
  resets: number;
}

export interface LaneParts {
  readonly source: Socket;
  readonly sink: Socket;
  readonly borders: Borders;
  readonly happened: LaneCounters;
  readonly onPassed: (bytes: number) => void;
  readonly reset: () => void;
  /** Aborted when the connection breaks or is over. */
  readonly ending: AbortSignal;
}

export interface Lane {
  /** Takes the place of the fault before it. `undefined` heals what can be healed: a stall, a latency, a loss. */
  inject(fault: LaneFault | undefined): void;
  /** Resolves when the end was passed on; rejects when the connection broke. */
  readonly ended: Promise<void>;
}

interface Stamped {
  readonly bytes: Buffer;
  readonly arrivedAtMs: number;
}

export function startLane(parts: LaneParts, firstFault: LaneFault | undefined): Lane {
  const { source, sink, borders, happened, onPassed, reset, ending } = parts;
  let fault: LaneFault | undefined;
  let passed = { bytes: 0, messages: 0 };
  let struck = false; // the present fault has reached its point
  let replaced = new AbortController();

  function inject(next: LaneFault | undefined): void {
    fault = next;
    passed = { bytes: 0, messages: 0 };
    struck = false;
    replaced.abort();
    replaced = new AbortController();
    strikeIfDue();
  }

  /** The fault does not wait for further bytes. */
  function strikeIfDue(): void {
    if (struck || fault === undefined || !('after' in fault) || leftOf(fault.after) > 0) return;
    struck = true;
    if (fault.kind === 'stall') happened.stalls += 1;
    if (fault.kind === 'halfClose') {
      happened.halfCloses += 1;
      sink.end();
    }
    if (fault.kind === 'reset') {
      happened.resets += 1;
      reset();
    }
  }

  function leftOf(point: FaultPoint): number {
    return 'bytes' in point ? point.bytes - passed.bytes : point.messages - passed.messages;
  }

  /** Resolves early when there is another fault, and rejects when the connection is over. */
  async function pause(ms: number): Promise<void> {
    if (ms <= 0) return;
    await sleep(ms, undefined, { signal: AbortSignal.any([replaced.signal, ending]) }).catch(() =>
      ending.throwIfAborted(),
    );
  }

  async function untilReplaced(): Promise<void> {
    const either = AbortSignal.any([replaced.signal, ending]);
    if (!either.aborted) await new Promise((resolve) => either.addEventListener('abort', resolve, { once: true }));
    ending.throwIfAborted();
  }

  /** Resolves once the kernel has the bytes, or what takes their place. */
  async function forward(bytes: Buffer, instead = bytes): Promise<number> {
    passed = { bytes: passed.bytes + bytes.length, messages: passed.messages + borders.pass(bytes) };
    await new Promise<void>((resolve, reject) => sink.write(instead, (error) => (error ? reject(error) : resolve())));
    onPassed(bytes.length);
    strikeIfDue();
    return bytes.length;
  }

  /** Does what the present fault says to the first of these bytes, and gives how many are done with. */
  async function treat({ bytes, arrivedAtMs }: Stamped): Promise<number> {
    const current = fault;
    if (current === undefined) return forward(bytes);
    switch (current.kind) {
      case 'latency':
        await pause(arrivedAtMs + current.delayMs - performance.now());
        if (fault !== current) return 0;
        happened.delayed += 1;
        return forward(bytes);
      case 'slice': {
        const length = await forward(bytes.subarray(0, current.bytes));
        happened.slices += 1;
        await pause(current.everyMs);
        return length;
      }
      case 'corrupt':
        return forward(bytes, corrupt(bytes, current.atByte - passed.bytes));
      default:
        return treatAtPoint(bytes, current);
    }
  }

  async function treatAtPoint(bytes: Buffer, current: PointFault): Promise<number> {
    if (!struck) {
      const left = leftOf(current.after);
      return forward(bytes.subarray(0, 'bytes' in current.after ? left : borders.find(bytes, left)));
    }
    if (current.kind === 'stall') {
      await untilReplaced();
      return 0;
    }
    borders.pass(bytes);
    happened.droppedBytes += bytes.length;
    return bytes.length;
  }

  function corrupt(bytes: Buffer, offset: number): Buffer {
    const victim = bytes[offset];
    if (victim === undefined) return bytes;
    happened.corrupted += 1;
    const corrupted = Buffer.from(bytes);
    corrupted[offset] = victim ^ 0xff;
    return corrupted;
  }

  async function run(): Promise<void> {
    const stamp = new Transform({
      readableObjectMode: true,
      readableHighWaterMark: 16, // a long latency needs more than one chunk under way
      transform: (bytes: Buffer, _encoding, done) => {
        done(null, { bytes, arrivedAtMs: performance.now() } satisfies Stamped);
      },
    });
    for await (const chunk of source.pipe(addAbortSignal(ending, stamp)) as AsyncIterable<Stamped>) {
      let done = 0;
      while (done < chunk.bytes.length) done += await treat({ ...chunk, bytes: chunk.bytes.subarray(done) });
    }
    while (struck && fault?.kind === 'stall') await untilReplaced();
    sink.end();
  }

  inject(firstFault);
  return { inject, ended: run() };
}
