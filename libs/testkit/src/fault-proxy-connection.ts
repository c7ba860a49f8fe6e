// One connection through the fault proxy: two sockets and a lane each way between them.

import type { Socket } from 'node:net';
import { type Direction, createBorders } from './fault-proxy-borders.js';
import { type Lane, type LaneCounters, type LaneFault, startLane } from './fault-proxy-lane.js';

/** `up` is what flows from the client to the target, `down` what comes back. */
export type Faults = Readonly<Partial<Record<Direction, LaneFault>>>;

export interface Counters extends LaneCounters {
  accepted: number;
  open: number;
  /** Connections whose target could not be reached; their clients were reset. */
  unreachable: number;
  /** Bytes passed on. */
  bytesUp: number;
  bytesDown: number;
}

export interface JoinedSockets {
  inject(faults: Faults): void;
  destroy(): void;
  /** Resolves when both sockets are closed. */
  readonly over: Promise<void>;
}

/** Carries bytes both ways until both sockets are closed. A broken side breaks the other one. */
export function joinSockets(client: Socket, target: Socket, faults: Faults, happened: Counters): JoinedSockets {
  const ending = new AbortController();
  let reached = false;
  target.once('connect', () => (reached = true));

  function reset(): void {
    ending.abort();
    resetSocket(client);
    resetSocket(target);
  }
  const closed = [client, target].map((socket) => {
    socket.on('error', () => undefined); // 'close' follows and says so
    return new Promise<void>((resolve) => {
      socket.on('close', (broken) => {
        if (broken && socket === target && !reached) happened.unreachable += 1;
        if (broken) reset();
        resolve();
      });
    });
  });

  const talk = { encryptionAnswersDue: 0 };
  const startLaneOf = (direction: Direction, source: Socket, sink: Socket): Lane => {
    const onPassed = (bytes: number) => (happened[direction === 'up' ? 'bytesUp' : 'bytesDown'] += bytes);
    const borders = createBorders(direction, talk);
    return startLane({ source, sink, borders, happened, onPassed, reset, ending: ending.signal }, faults[direction]);
  };
  const up = startLaneOf('up', client, target);
  const down = startLaneOf('down', target, client);
  for (const lane of [up, down]) lane.ended.catch(reset);

  return {
    inject(next) {
      up.inject(next.up);
      down.inject(next.down);
    },
    destroy() {
      ending.abort();
      client.destroy();
      target.destroy();
    },
    over: Promise.all(closed).then(() => ending.abort()),
  };
}

/** Node would wait for a connection attempt to succeed before it resets, and does not reset unix sockets. */
function resetSocket(socket: Socket): void {
  if (socket.connecting || socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}
