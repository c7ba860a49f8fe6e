// Corpora S and A over real sockets: whole, byte by byte, at 50 seeded splits, before noise, and broken off. A real Postgres
// is the oracle: where the gateway does otherwise, the corpus says why.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { CancelKeys } from '@pgwake/cancel-keys';
import { createScramClient, deriveVerifier } from '@pgwake/client-auth';
import { GatewayError } from '@pgwake/gateway-errors';
import {
  type HostileClient,
  byteByByte,
  longestTurn,
  possibleVerdicts,
  postgresVerdict,
  scramClients,
  seededSplits,
  startupClients,
  whole,
  withoutText,
} from '@pgwake/hostile-bytes';
import type { SessionId } from '@pgwake/ids';
import { createPasswordCheck } from '@pgwake/password-check';
import { createComputeNetwork } from '@pgwake/pg-dial';
import { encodeSaslInitialResponse, encodeSaslResponse, encodeStartupMessage } from '@pgwake/pg-wire';
import type { ByteDuplex } from '@pgwake/relay';
import {
  type LeakCheck,
  SocketLine,
  type TestPostgres,
  createUnlimitedVisit,
  forEachAtOnce,
  playHostileClient,
  startLeakCheck,
  startTestPostgres,
  waitFor,
} from '@pgwake/testkit';
import { type Session, type SessionDeps, SilenceWatch, SocketDuplex, StallWatch, startSession } from './index.js';

const password = 'correct horse';
const seed = 20_261_125;
const corpora: [string, readonly HostileClient[]][] = [
  ['S', startupClients],
  ['A', scramClients],
];

let postgres: TestPostgres;
let verifier: string;
let leaks: LeakCheck;
let gateway: Gateway;

beforeAll(async () => {
  verifier = await deriveVerifier(password);
  postgres = await startTestPostgres({ roles: [{ name: 'app', password: verifier }] });
});
afterAll(() => postgres?.stop());
beforeEach(async () => {
  leaks = startLeakCheck();
  gateway = await startGateway();
});
afterEach(async () => {
  await gateway.close();
  await leaks.expectNothingLeft();
});

interface Gateway {
  readonly port: number;
  /** Sessions that are not over. */
  readonly open: Set<Session>;
  /** Chunks that sessions read. */
  reads: number;
  /** Clients that proved their password. */
  admitted: number;
  close(): Promise<void>;
}

/** A gateway up to the moment at which it would connect to a compute. */
async function startGateway(): Promise<Gateway> {
  const open = new Set<Session>();
  const access = { getEndpointAccess: () => Promise.resolve({ verifier, disabled: false, allowedNetworks: [] }) };
  const deps: SessionDeps = {
    access,
    passwords: createPasswordCheck({ access, verifiers: 'live', now: () => performance.now() }),
    connector: {
      connectToCompute() {
        started.admitted += 1;
        throw new GatewayError('WAKE_FAILED');
      },
    },
    network: createComputeNetwork(),
    cancelKeys: new CancelKeys(),
    stallWatch: new StallWatch(0),
    silenceWatch: new SilenceWatch(0, () => Promise.resolve('failed')),
    authentication: { domains: ['localhost'], requireTls: 'never', passwordMethod: 'scram', passwordForm: 'loopback' },
    // Ten thousand single bytes of sixteen clients at once may take their time on a busy machine.
    loginTimeoutMs: 120_000,
    wakeNoticeAfterMs: 0,
    observer: { connected: () => undefined, ended: () => undefined },
  };
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const duplex = countReads(new SocketDuplex(socket), () => (started.reads += 1));
    const peer = { address: '127.0.0.1', loopback: true };
    const session = startSession(
      { duplex, peer, encryption: { kind: 'unavailable' } },
      randomUUID() as string as SessionId,
      deps,
      createUnlimitedVisit(),
      (ended) => open.delete(ended),
    );
    open.add(session);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const started: Gateway = {
    port: (server.address() as AddressInfo).port,
    open,
    reads: 0,
    admitted: 0,
    async close() {
      server.close();
      await waitFor(() => open.size === 0, 6_000);
    },
  };
  return started;
}

function countReads(duplex: ByteDuplex, onRead: () => void): ByteDuplex {
  return {
    attach: (sink) =>
      duplex.attach({
        onBytes: (bytes) => {
          onRead();
          sink.onBytes(bytes);
        },
        onDrain: () => sink.onDrain(),
        onEnd: () => sink.onEnd(),
        onClose: (cause) => sink.onClose(cause),
      }),
    detach: () => duplex.detach(),
    write: (bytes) => duplex.write(bytes),
    pause: () => duplex.pause(),
    resume: () => duplex.resume(),
    end: () => duplex.end(),
    destroy: () => duplex.destroy(),
  };
}

function connectTo({ port }: { readonly port: number }): Socket {
  return connect({ port, host: '127.0.0.1' });
}

describe.each(corpora)('corpus %s over sockets', (_corpus, clients) => {
  it('gets from each entry what the corpus says, whole', async () => {
    await forEachAtOnce(clients, async (client) => {
      expect([client.name, await playHostileClient(connectTo(gateway), client, whole)]).toEqual([
        client.name,
        client.expected,
      ]);
    });
    expect(gateway.admitted).toBe(0);
  });

  it('gets the same byte by byte', async () => {
    // A megabyte in single bytes says nothing that ten kilobytes do not.
    const short = clients.filter(({ name }) => !name.includes('1 MB'));
    await forEachAtOnce(short, async (client) => {
      expect([client.name, possibleVerdicts(client)]).toEqual([
        client.name,
        expect.arrayContaining([await playHostileClient(connectTo(gateway), client, byteByByte)]),
      ]);
    });
    expect(gateway.reads).toBeGreaterThan(clients.length * 20);
    expect(gateway.admitted).toBe(0);
  }, 180_000);

  it('gets the same at 50 seeded splits each', async () => {
    const lengths = await Promise.all(clients.map(longestTurn));
    const tries = clients.flatMap((client, index) =>
      seededSplits(lengths[index] ?? 0, 50, seed).map((feeding) => ({ client, feeding })),
    );
    await forEachAtOnce(tries, async ({ client, feeding }) => {
      expect([client.name, feeding.name, possibleVerdicts(client)]).toEqual([
        client.name,
        feeding.name,
        expect.arrayContaining([await playHostileClient(connectTo(gateway), client, feeding)]),
      ]);
    });
    expect(gateway.reads).toBeGreaterThan(tries.length);
    expect(gateway.admitted).toBe(0);
  });

  it('lets nobody in who has 1 MB of noise to add', async () => {
    const noise = Buffer.alloc(1_000_000, 'A');
    await forEachAtOnce(clients, async (client) => {
      const noisy = client.turns.map((turn, index) =>
        index < client.turns.length - 1 || typeof turn === 'function' ? turn : Buffer.concat([turn, noise]),
      );
      const verdict = await playHostileClient(connectTo(gateway), { ...client, turns: noisy }, whole);
      expect([client.name, verdict]).not.toEqual([client.name, 'admitted']);
    });
    expect(gateway.admitted).toBe(0);
  });

  it.each(['closed', 'reset'])('leaves nothing of a client that is %s half-way', async (how) => {
    await forEachAtOnce(clients, async ({ turns: [first] }) => {
      if (typeof first !== 'object') throw new Error('a first turn answers nothing');
      const line = new SocketLine(connectTo(gateway));
      await line.say(first.subarray(0, Math.floor(first.length / 2)));
      if (how === 'reset') line.socket.resetAndDestroy();
      else line.socket.end();
      await once(line.socket, 'close');
    });
    await waitFor(() => gateway.open.size === 0, 2_000);
  });

  it('gets from Postgres what the corpus says', async () => {
    const differences: string[] = [];
    await forEachAtOnce(clients, async (client) => {
      const verdict = withoutText(await playHostileClient(connectTo(postgres), client, whole));
      if (verdict !== postgresVerdict(client)) {
        differences.push(`${client.name}: ${verdict}, not ${postgresVerdict(client)}`);
      }
    });
    expect(differences).toEqual([]);
  });
});

describe('a client that keeps to the rules', () => {
  it('is let in by both, so the refusals above are none of the test’s own', async () => {
    const startup = encodeStartupMessage([
      ['user', 'app'],
      ['options', 'endpoint=demo'],
    ]);
    for (const server of [gateway, postgres]) {
      const scram = createScramClient({ password });
      const prove = async (heard: Uint8Array) => {
        const final = await scram.final(heard.subarray(Buffer.from(heard).indexOf('r=')));
        if (final.kind === 'violation') throw new Error(final.what);
        return encodeSaslResponse(final.bytes);
      };
      const first = encodeSaslInitialResponse({ mechanism: 'SCRAM-SHA-256', data: scram.first() });
      const honest: HostileClient = { name: 'honest', turns: [startup, first, prove], expected: 'admitted' };
      expect(await playHostileClient(connectTo(server), honest, byteByByte)).toBe('admitted');
    }
    await waitFor(() => gateway.admitted === 1, 1_000);
    // Single bytes of a client that is heard out do arrive singly.
    expect(gateway.reads).toBeGreaterThan(200);
  });
});
