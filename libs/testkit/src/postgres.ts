// A real Postgres for tests: up in about 150 ms from a template all workers share, on a free port and a unix socket,
// ended by pid. What a killed test run left behind is swept away by the next one.

import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ProcessHome,
  adoptPostmaster,
  copyCluster,
  ensureTemplate,
  giveTo,
  makePlace,
  placeOf,
  runSingleUser,
  serviceRole,
  startPostmaster,
} from '@pgwake/compute-process';
import type { ServerCertificate } from './scripted-connection.js';
import { prepareTestHome } from './test-home.js';

export interface TestRole {
  readonly name: string;
  /** Cleartext or a SCRAM verifier. */
  readonly password: string;
  /** Further words of CREATE ROLE, such as `CREATEDB`. */
  readonly attributes?: string;
}

export interface TestPostgresOptions {
  /** Each owns a database of its own name. */
  readonly roles?: readonly TestRole[];
  /** Settings on the command line, such as `cluster_name`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** With it TLS is spoken over TCP. */
  readonly certificate?: ServerCertificate;
}

export interface TestPostgres {
  readonly pid: number;
  readonly socketDirectory: string;
  readonly host: string;
  /** Of both the TCP and the unix socket. */
  readonly port: number;
  readonly superuser: string;
  readonly password: string;
  /** Where the superuser may work; roles have databases of their own names. */
  readonly database: string;
  /** The superuser over TCP, as `pg` takes it. */
  readonly connectionConfig: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
  stop(): Promise<void>;
}

const host = '127.0.0.1';
const database = 'postgres';
const startLimitMs = 20_000;
// Nobody needs the data of a test after a crash.
const quick = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', cluster_name: 'pgwake-test' };

/** Rejects with Postgres' own words when it does not come up. */
export async function startTestPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const home = await prepareTestHome();
  const runs = join(home.root, 'runs');
  await sweep(runs);
  const place = placeOf(join(runs, `${process.pid}-${randomBytes(4).toString('hex')}`));
  makePlace(place, home.user);
  await copyCluster(home, await ensureTemplate(home, () => undefined), place.dataDirectory, 'fleeting');
  if (options.roles?.length) await runSingleUser(home, place.dataDirectory, options.roles.flatMap(roleStatements));
  const tls = options.certificate && writeCertificate(home, place.directory, options.certificate);
  const { cluster_name: clusterName, ...settings } = { ...quick, ...tls, ...options.settings };
  const { binaries, user } = home;
  const plan = { binDir: binaries.binDir, user, place, clusterName, listen: 'tcp', settings } as const;
  const started = await startPostmaster(plan, AbortSignal.timeout(startLimitMs));
  if (!started.ok) throw new Error(`the test Postgres did not start: ${started.detail}`);
  const { postmaster } = started;
  const { port } = postmaster;
  const password = home.servicePassword;
  return {
    pid: postmaster.identity.pid,
    socketDirectory: place.socketDirectory,
    host,
    port,
    superuser: serviceRole,
    password,
    database,
    connectionConfig: { host, port, user: serviceRole, password, database },
    async stop() {
      await postmaster.abandon();
      await postmaster.gone;
      rmSync(place.directory, { recursive: true, force: true });
    },
  };
}

/** Postgres takes no key that others may read or that is not its own. */
function writeCertificate({ user }: ProcessHome, directory: string, { cert, key }: ServerCertificate) {
  const [certFile, keyFile] = [join(directory, 'server.crt'), join(directory, 'server.key')];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key, { mode: 0o600 });
  giveTo(user, keyFile);
  return { ssl: 'on', ssl_cert_file: certFile, ssl_key_file: keyFile };
}

function roleStatements({ name, password, attributes = '' }: TestRole): string[] {
  const identifier = `"${name.replaceAll('"', '""')}"`;
  const literal = `'${password.replaceAll("'", "''")}'`;
  return [
    `CREATE ROLE ${identifier} LOGIN PASSWORD ${literal} ${attributes}`,
    `CREATE DATABASE ${identifier} OWNER ${identifier}`,
  ];
}

/** Directories are named after the process that made them; those of dead ones are nobody's any more. */
async function sweep(runs: string): Promise<void> {
  mkdirSync(runs, { recursive: true, mode: 0o711 });
  for (const name of readdirSync(runs)) {
    if (runsStill(Number.parseInt(name, 10))) continue;
    const place = placeOf(join(runs, name));
    const postmaster = adoptPostmaster(place);
    await postmaster?.abandon();
    postmaster?.release();
    rmSync(place.directory, { recursive: true, force: true });
  }
}

function runsStill(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
