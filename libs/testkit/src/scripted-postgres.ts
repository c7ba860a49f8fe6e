// A Postgres server that does what a test tells it to, the wrong things above all. Each accepted connection follows a
// script: a list of steps, in order. It counts what happened, so that a test can show that its fault did occur.

import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import type { BackendKey, StartupParameters } from '@pgwake/pg-wire';
import type { NodeAddress } from '@pgwake/wake-api';
import { type ScriptedConnection, type Step, ClientLeft, createScriptedConnection } from './scripted-connection.js';

export interface ScriptedPostgresOptions {
  /** A private directory for a unix socket. Default: a free port on the host. */
  readonly socketDirectory?: string;
  /** An IP address of this machine. Default: 127.0.0.1. */
  readonly host?: string;
  /** Refuses until then, counted from the start. Default 0. */
  readonly listenAfterMs?: number;
  /** How many connections may wait to be accepted. Default 511. */
  readonly backlog?: number;
  /** One script per connection, in the order of accepting; the last one is for all that follow. */
  readonly scripts: readonly (readonly Step[])[];
}

/** What happened so far. */
export interface Seen {
  readonly accepted: number;
  readonly open: number;
  /** Handshakes of TLS begun. */
  readonly tlsGranted: number;
  readonly startups: readonly StartupParameters[];
  readonly cancels: readonly BackendKey[];
  /** Logins that were let in. */
  readonly logins: number;
  readonly queries: readonly string[];
  /** SQLSTATEs of the errors sent. */
  readonly errors: readonly string[];
  readonly resets: number;
  /** Connections that the server closed of its own accord, orderly. */
  readonly closes: number;
  /** Connections that ended with a Terminate message. */
  readonly farewells: number;
}

export interface ScriptedPostgres {
  readonly address: NodeAddress;
  readonly seen: Seen;
  /** From now on connections are refused. Those that are open stay. */
  refuse(): Promise<void>;
  /** Listens (again) at its address. */
  listen(): Promise<void>;
  /** Ends everything. Rejects when a script met what it was not written for. */
  stop(): Promise<void>;
}

/** Starts one on a free port. The port stays its own while it refuses, as long as nobody else asks for a fixed one. */
export async function startScriptedPostgres(options: ScriptedPostgresOptions): Promise<ScriptedPostgres> {
  const { socketDirectory, host = '127.0.0.1', listenAfterMs = 0, backlog = 511, scripts } = options;
  const seen = {
    accepted: 0,
    open: 0,
    tlsGranted: 0,
    startups: [] as StartupParameters[],
    cancels: [] as BackendKey[],
    logins: 0,
    queries: [] as string[],
    errors: [] as string[],
    resets: 0,
    closes: 0,
    farewells: 0,
  };
  const sockets = new Set<Socket>();
  const surprises: unknown[] = [];

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const script = scripts[seen.accepted] ?? scripts.at(-1) ?? [];
    seen.accepted += 1;
    seen.open += 1;
    sockets.add(socket);
    socket.on('close', () => {
      seen.open -= 1;
      sockets.delete(socket);
    });
    follow(script, createScriptedConnection(socket, seen)).catch((error: unknown) => {
      if (!(error instanceof ClientLeft)) surprises.push(error);
      socket.destroy();
    });
  });

  const address = await reserveAddress(server, { socketDirectory, host }, backlog);
  let timer: NodeJS.Timeout | undefined;
  if (listenAfterMs > 0) {
    await close(server);
    timer = setTimeout(() => void listen(server, address, backlog), listenAfterMs);
  }

  return {
    address,
    seen,
    refuse: () => close(server),
    listen: () => listen(server, address, backlog),
    async stop() {
      clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      if (server.listening) await close(server);
      if (surprises.length > 0) throw new AggregateError(surprises, `a script went wrong: ${String(surprises[0])}`);
    },
  };
}

async function follow(script: readonly Step[], connection: ScriptedConnection): Promise<void> {
  for (const step of script) await step(connection);
}

async function reserveAddress(
  server: Server,
  { socketDirectory, host }: { readonly socketDirectory: string | undefined; readonly host: string },
  backlog: number,
): Promise<NodeAddress> {
  if (socketDirectory !== undefined) {
    const address = { kind: 'unix', socketDirectory, port: 5432 } as const;
    await listen(server, address, backlog);
    return address;
  }
  await listen(server, { kind: 'tcp', host, port: 0 }, backlog);
  return { kind: 'tcp', host, port: (server.address() as AddressInfo).port };
}

function listen(server: Server, address: NodeAddress, backlog: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const listening = () => {
      server.off('error', reject);
      resolve();
    };
    if (address.kind === 'tcp') server.listen(address.port, address.host, backlog, listening);
    else server.listen(`${address.socketDirectory}/.s.PGSQL.${address.port}`, backlog, listening);
  });
}

/** Resolves once nothing listens; `close` itself would wait for the open connections too. */
function close(server: Server): Promise<void> {
  server.close();
  return Promise.resolve();
}
