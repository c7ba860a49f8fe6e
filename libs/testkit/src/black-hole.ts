// An address whose SYN packets nobody answers, as with a machine that lost its power. It needs no root: a listener that
// never accepts, its queue filled up, so that the kernel drops every further attempt to connect.

import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { NodeAddress } from '@pgwake/wake-api';

export interface BlackHole {
  readonly address: Extract<NodeAddress, { kind: 'tcp' }>;
  /** Connections that fill the queue. */
  readonly fillers: number;
  /** From now on connections are refused; those that hang in there learn it at their next SYN. */
  stop(): Promise<void>;
}

const host = '127.0.0.1';
const backlog = 1; // 0 would be Node's own default of 511
const surelyHangsMs = 200;
const maxFillers = 32;

// The event loop of a Node process accepts whatever comes, so the listener lives in a thread that stops after listening.
const listenerThread = (port: number) => `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ port: ${port}, host: '${host}', backlog: ${backlog} }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;

/**
 * Resolves once a connection attempt was seen to hang. Throws where the kernel does not do that.
 *
 * @param wanted a port of 127.0.0.1 where somebody listened a moment ago; by default a free one
 */
export async function startBlackHole(wanted = 0): Promise<BlackHole> {
  const thread = new Worker(listenerThread(wanted), { eval: true });
  const fillers: Socket[] = [];
  const stop = async () => {
    for (const filler of fillers) filler.destroy();
    await thread.terminate();
  };
  try {
    const [port] = (await once(thread, 'message')) as [number];
    // Linux queues one connection more than asked for. These connect, however busy the machine is.
    while (fillers.length <= backlog) {
      const filler = dial(port);
      fillers.push(filler);
      await once(filler, 'connect');
    }
    while (await connects(dial(port), fillers)) {
      if (fillers.length > maxFillers) throw new Error(`a backlog of ${backlog} takes ${fillers.length} connections`);
    }
    return { address: { kind: 'tcp', host, port }, fillers: fillers.length, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function dial(port: number): Socket {
  return connect(port, host).on('error', () => undefined); // reset when the listener goes
}

/** Whether there was room for one more, which then is one more filler. */
async function connects(probe: Socket, fillers: Socket[]): Promise<boolean> {
  const connected = await Promise.race([once(probe, 'connect').then(() => true), sleep(surelyHangsMs, false)]);
  if (connected) fillers.push(probe);
  else probe.destroy();
  return connected;
}
