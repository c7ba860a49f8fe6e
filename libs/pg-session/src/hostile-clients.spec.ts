// Corpora S and A against real sessions, over connections in memory: whole, byte by byte, and split at every offset. On
// sockets, and beside a real Postgres, they are in hostile-clients.int.spec.ts.

import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CancelKeys } from '@pgwake/cancel-keys';
import { deriveVerifier } from '@pgwake/client-auth';
import { GatewayError } from '@pgwake/gateway-errors';
import {
  type Feeding,
  type HostileClient,
  type Line,
  byteByByte,
  converse,
  everySplit,
  longestTurn,
  possibleVerdicts,
  scramClients,
  startupClients,
  whole,
} from '@pgwake/hostile-bytes';
import type { SessionId } from '@pgwake/ids';
import { createPasswordCheck } from '@pgwake/password-check';
import { createComputeNetwork } from '@pgwake/pg-dial';
import type { ByteDuplex, DuplexSink } from '@pgwake/relay';
import { createUnlimitedVisit } from '@pgwake/testkit';
import { type SessionDeps, SilenceWatch, StallWatch, startSession } from './index.js';

const verifier = await deriveVerifier('secret', { iterations: 1 });
let reachedCompute = 0;

const access = { getEndpointAccess: () => Promise.resolve({ verifier, disabled: false, allowedNetworks: [] }) };
const deps: SessionDeps = {
  access,
  passwords: createPasswordCheck({ access, verifiers: 'live', now: () => performance.now() }),
  connector: {
    connectToCompute() {
      reachedCompute += 1;
      throw new GatewayError('WAKE_FAILED');
    },
  },
  network: createComputeNetwork(),
  cancelKeys: new CancelKeys(),
  stallWatch: new StallWatch(0),
  silenceWatch: new SilenceWatch(0, () => Promise.resolve('failed')),
  authentication: { domains: ['localhost'], requireTls: 'never', passwordMethod: 'scram', passwordForm: 'loopback' },
  loginTimeoutMs: 10_000,
  wakeNoticeAfterMs: 0,
  observer: { connected: () => undefined, ended: () => undefined },
};

/** A connection in memory: the gateway's end is a duplex, the client's end a line. */
class MemoryConnection implements ByteDuplex, Line {
  #sink: DuplexSink | undefined;
  #heard: Uint8Array = new Uint8Array(0);
  #ended = false;
  /** Chunks that the gateway got to read. */
  reads = 0;

  attach(sink: DuplexSink): void {
    this.#sink = sink;
  }
  detach(): void {
    this.#sink = undefined;
  }
  write(bytes: Uint8Array): boolean {
    this.#heard = Buffer.concat([this.#heard, bytes]);
    return true;
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.#ended = true;
    queueMicrotask(() => this.#sink?.onClose(undefined));
  }
  destroy(): void {
    this.end();
  }

  async say(bytes: Uint8Array): Promise<void> {
    if (this.#ended) return;
    this.reads += 1;
    this.#sink?.onBytes(bytes);
    await nextTurn();
  }
  hangUp(): void {
    this.#sink?.onEnd();
  }
  heard(): Uint8Array {
    return this.#heard;
  }
  async more(): Promise<boolean> {
    const before = this.#heard.length;
    await nextTurn();
    return this.#heard.length > before || !this.#ended;
  }
}

async function play(client: HostileClient, feeding: Feeding): Promise<{ verdict: string; reads: number }> {
  const connection = new MemoryConnection();
  const peer = { address: '127.0.0.1', loopback: true };
  const transport = { duplex: connection, peer, encryption: { kind: 'unavailable' } } as const;
  const ended = new Promise<unknown>((resolve) => {
    startSession(transport, randomUUID() as string as SessionId, deps, createUnlimitedVisit(), resolve);
  });
  const verdict = await converse(connection, client, feeding);
  await ended;
  return { verdict, reads: connection.reads };
}

describe.each([
  ['S', startupClients],
  ['A', scramClients],
])('corpus %s against a session', (_corpus, clients) => {
  it.each(clients)('$name', async (client) => {
    expect((await play(client, whole)).verdict).toBe(client.expected);
  });

  it.each(clients)('$name, byte by byte', async (client) => {
    expect(possibleVerdicts(client)).toContain((await play(client, byteByByte)).verdict);
  });

  it.each(clients)('$name, split at every offset', async (client) => {
    for (const feeding of everySplit(await longestTurn(client))) {
      expect(possibleVerdicts(client)).toContain((await play(client, feeding)).verdict);
    }
  });
});

describe('the feeding', () => {
  it('reached the session in as many pieces as it says', async () => {
    const [client] = scramClients;
    if (client === undefined) throw new Error('the corpus is empty');
    expect((await play(client, whole)).reads).toBe(client.turns.length);
    expect((await play(client, byteByByte)).reads).toBeGreaterThan(50);
    expect(reachedCompute).toBe(0);
  });
});
