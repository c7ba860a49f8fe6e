// Everybody who takes part, in front of one Postgres: the compute of an endpoint, which listens on TCP for this.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deriveVerifier } from '@pgwake/client-auth';
import { type CertificateFiles, ensureCertificate } from '@pgwake/local-certificate';
import { System } from '@pgwake/testkit';
import pg from 'pg';
import { type ProxySetup, type RunningProxy, isInstalled, startHaProxy, startPgBouncer } from './other-proxies.ts';
import { askComputePort } from './compute-port.ts';
import { type Account, type Peer, type PeerName, unlimited } from './peer.ts';

export interface Field {
  readonly peers: readonly Peer[];
  readonly account: Account;
  /** Who is not here, and why, in a line each. */
  readonly missing: readonly string[];
  /** For what loads need beside them. */
  readonly directory: string;
  readonly certificate: CertificateFiles;
  stop(): Promise<void>;
}

/** PgBouncer keeps its connections to Postgres, twice, while others use theirs. */
const shareOfPeers = 3;
const spareConnections = 50;

/** For at most `maxSessions` through one peer at a time. */
export async function startField(names: readonly PeerName[], maxSessions: number): Promise<Field> {
  const directory = mkdtempSync(join(tmpdir(), 'pgwake-bench-'));
  const proxies: RunningProxy[] = [];
  let system: System | undefined;
  const stop = async (): Promise<void> => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await system?.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const certificate = await ensureCertificate(directory);
    system = await System.start({
      env: {
        ...unlimited,
        PGWAKE_IDLE_SUSPEND_AFTER_MS: '86400000',
        PGWAKE_COMPUTE_LISTEN: 'tcp',
        PGWAKE_COMPUTE_MAX_CONNECTIONS: String(shareOfPeers * maxSessions + spareConnections),
        PGWAKE_TLS_CERT_FILE: certificate.certFile,
        PGWAKE_TLS_KEY_FILE: certificate.keyFile,
      },
    });
    const endpoint = await system.createEndpoint('bench');
    const { port: gatewayPort, options, ...config } = system.connectionConfig(endpoint);
    const { user, password, database } = config;
    const account = { user, password, database };
    const verifier = await deriveVerifier(password);
    const port = await prepareCompute({ ...config, port: gatewayPort, options }, verifier);
    const setup: ProxySetup = { port, user, database, verifier, ...certificate, maxSessions, directory };

    const missing: string[] = [];
    const peers: Peer[] = [];
    const add = async (name: PeerName, program: 'pgbouncer' | 'haproxy', start: () => Promise<RunningProxy>) => {
      if (!names.includes(name)) return;
      if (!isInstalled(program)) {
        missing.push(`Left out: ${program} (not installed).`);
        return;
      }
      const proxy = await start();
      proxies.push(proxy);
      peers.push({ name, port: proxy.port, pid: proxy.pid, tls: program === 'pgbouncer', options: '' });
    };
    if (names.includes('direct')) peers.push({ name: 'direct', port, pid: undefined, tls: false, options: '' });
    await add('pgbouncerSession', 'pgbouncer', () => startPgBouncer(setup, 'session'));
    await add('pgbouncerTransaction', 'pgbouncer', () => startPgBouncer(setup, 'transaction'));
    await add('haproxy', 'haproxy', () => startHaProxy(setup));
    if (names.includes('pgwake')) {
      peers.push(createGateway(system, gatewayPort, options));
    }
    return { peers, account, missing, directory, certificate, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function createGateway(system: System, port: number, options: string): Peer {
  const app = system.app('tcp-proxy');
  return {
    name: 'pgwake',
    port,
    get pid() {
      return app.pid;
    },
    async restart() {
      await app.end('SIGTERM');
      await app.start();
    },
    tls: true,
    options,
  };
}

/** Wakes it and gives the role this verifier, which the other proxies know. Resolves with the port of Postgres. */
async function prepareCompute(config: pg.ClientConfig, verifier: string): Promise<number> {
  const client = new pg.Client(config);
  await client.connect();
  try {
    await client.query(`alter role current_user password ${client.escapeLiteral(verifier)}`);
    return await askComputePort(client);
  } finally {
    await client.end();
  }
}
