// A proxy on loopback that does to connections what networks do: delays, cuts into pieces, stalls, loses, corrupts,
// half-closes and resets, per direction and at an exact byte or message border. One fault per direction: for more, chain
// proxies. It counts what it did, so that a test can show that its fault did occur.

import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import type { NodeAddress } from '@pgwake/wake-api';
import { type Counters, type Faults, type JoinedSockets, joinSockets } from './fault-proxy-connection.js';

export interface FaultProxyOptions {
  /** A number is a port on 127.0.0.1. */
  readonly target: NodeAddress | number;
  /** A private directory for a unix socket. Default: a free port on 127.0.0.1. */
  readonly socketDirectory?: string;
  /** For the connections from the start on. Default: none. */
  readonly faults?: Faults;
}

export interface FaultProxy {
  readonly address: NodeAddress;
  /** So far, in all connections. */
  readonly happened: Readonly<Counters>;
  /**
   * From now on connections have these faults and no others. With `all` those that are open too: points count from here,
   * and a point of 0 strikes at once. `inject({}, 'all')` heals.
   */
  inject(faults: Faults, onto?: 'new' | 'all'): void;
  /** From now on connections are refused. Those that are open stay. */
  refuse(): void;
  /** Listens (again) at its address. */
  listen(): Promise<void>;
  stop(): Promise<void>;
}

const host = '127.0.0.1';

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { socketDirectory } = options;
  const target: NodeAddress =
    typeof options.target === 'number' ? { kind: 'tcp', host, port: options.target } : options.target;
  let faults = options.faults ?? {};
  const happened: Counters = {
    accepted: 0,
    open: 0,
    unreachable: 0,
    bytesUp: 0,
    bytesDown: 0,
    delayed: 0,
    slices: 0,
    corrupted: 0,
    stalls: 0,
    droppedBytes: 0,
    halfCloses: 0,
    resets: 0,
  };
  const connections = new Set<JoinedSockets>();

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    happened.accepted += 1;
    happened.open += 1;
    const connection = joinSockets(client, dial(target), faults, happened);
    connections.add(connection);
    void connection.over.then(() => {
      happened.open -= 1;
      connections.delete(connection);
    });
  });

  async function listenAt(address: NodeAddress): Promise<void> {
    server.listen(address.kind === 'tcp' ? { host, port: address.port } : { path: pathOf(address) });
    await once(server, 'listening');
  }

  let address: NodeAddress;
  if (socketDirectory === undefined) {
    await listenAt({ kind: 'tcp', host, port: 0 });
    address = { kind: 'tcp', host, port: (server.address() as AddressInfo).port };
  } else {
    address = { kind: 'unix', socketDirectory, port: 5432 };
    await listenAt(address);
  }

  return {
    address,
    happened,
    inject(next, onto = 'new') {
      faults = next;
      if (onto === 'all') for (const connection of connections) connection.inject(next);
    },
    refuse: () => void server.close(),
    listen: () => listenAt(address),
    async stop() {
      server.close();
      for (const connection of connections) connection.destroy();
      await Promise.all([...connections].map(({ over }) => over));
    },
  };
}

function dial(address: NodeAddress): Socket {
  const shared = { allowHalfOpen: true, noDelay: true };
  return address.kind === 'tcp'
    ? connect({ ...shared, host: address.host, port: address.port })
    : connect({ ...shared, path: pathOf(address) });
}

function pathOf(address: Extract<NodeAddress, { kind: 'unix' }>): string {
  return `${address.socketDirectory}/.s.PGSQL.${address.port}`;
}
