// The built tcp-proxy as a process, between a wake-service and a name server that do what a test says. What it thought shows
// in its log: one line per journey.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type CertificatePem, makeCertificate } from '@pgwake/local-certificate';
import { type FakeDns, type ScriptedWake, startFakeDns, startScriptedWake, waitFor } from '@pgwake/testkit';

/** The log line of a journey, connected or refused. */
export interface JourneyLine {
  readonly level: string;
  readonly endpoint: string;
  readonly sessionId: string;
  readonly dialAttempts: number;
  readonly wakeAttempts: number;
  readonly totalMs: number;
  readonly wakeWaitMs: number;
  readonly dialMs: number;
  readonly sleepMs: number;
  readonly steps: string;
  /** Of the error that the client was told. */
  readonly code?: string;
}

export type LogLine = Readonly<Record<string, unknown>>;

const mainFile = fileURLToPath(new URL('../../../tcp-proxy/dist/main.js', import.meta.url));
const startLimitMs = 20_000;
const logLimitMs = 5_000;

/** Of computes, by authorities that the gateway trusts. */
export interface Certificates {
  /** For {@link certifiedName}. */
  readonly own: CertificatePem;
  /** For another name. */
  readonly foreign: CertificatePem;
}

/** What a compute's certificate says where that is its proof of identity. */
export const certifiedName = 'compute.localhost';

async function makeCertificates(): Promise<Certificates> {
  const [own, foreign] = await Promise.all([makeCertificate(['compute']), makeCertificate(['another'])]);
  return { own, foreign };
}

export class Gateway {
  readonly password = 'secret';
  readonly #log: LogLine[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), 'pgwake-gateway-'));
  #process: ChildProcess | undefined;
  #port = 0;
  #opsPort = 0;

  private constructor(
    readonly wake: ScriptedWake,
    readonly dns: FakeDns,
    readonly certificates: Certificates,
  ) {}

  /** Resolves once clients are accepted. `settings` are those of tcp-proxy. */
  static async start(settings: Readonly<Record<string, string>> = {}): Promise<Gateway> {
    const gateway = new Gateway(
      await startScriptedWake({ password: 'secret' }),
      await startFakeDns(),
      await makeCertificates(),
    );
    try {
      await gateway.#run(settings);
      return gateway;
    } catch (error) {
      await gateway.stop();
      throw error;
    }
  }

  get log(): readonly LogLine[] {
    return this.#log;
  }

  /** How `pg` connects. */
  connectionConfig(endpoint: string) {
    const { password } = this;
    const options = `endpoint=${endpoint}`;
    return { host: '127.0.0.1', port: this.#port, user: 'app', password, database: 'app', options };
  }

  journeysOf(endpoint: string): readonly JourneyLine[] {
    return this.#log.filter((line): line is LogLine & JourneyLine => line['endpoint'] === endpoint && 'steps' in line);
  }

  /** The endpoint's journey after so many others of its own; its line may come a moment after the client's answer. */
  async journey(endpoint: string, earlier = 0): Promise<JourneyLine> {
    await waitFor(() => this.journeysOf(endpoint).length > earlier, logLimitMs);
    return this.journeysOf(endpoint)[earlier] as JourneyLine;
  }

  /** In the text format of Prometheus. */
  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#opsPort}/metrics`)).text();
  }

  async openSessions(): Promise<number> {
    return Number(/^pgwake_open_sessions\{[^}]*\} (\d+)$/m.exec(await this.metrics())?.[1]);
  }

  /** Throws when the process does not go down as it should. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      if (child.exitCode !== 0) throw new Error(`tcp-proxy ended with ${child.exitCode ?? child.signalCode}`);
    }
    rmSync(this.#directory, { recursive: true });
    await this.wake.stop();
    await this.dns.stop();
  }

  async #run(settings: Readonly<Record<string, string>>): Promise<void> {
    const caFile = join(this.#directory, 'ca.crt');
    writeFileSync(caFile, this.certificates.own.ca + this.certificates.foreign.ca);
    const env = {
      ...process.env,
      NODE_OPTIONS: '',
      PGWAKE_TCP_PORT: '0',
      PGWAKE_TCP_OPS_PORT: '0',
      PGWAKE_WAKE_ADDRESS: this.wake.address,
      PGWAKE_DNS_SERVERS: this.dns.server,
      PGWAKE_COMPUTE_CA_FILE: caFile,
      PGWAKE_DRAIN_TIMEOUT_MS: '2000',
      PGWAKE_LOG_LEVEL: 'debug',
      ...settings,
    };
    const child = spawn(process.execPath, [mainFile], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#process = child;
    createInterface(child.stdout).on('line', (line) => this.#log.push(JSON.parse(line) as LogLine));
    const accepting = () => this.#log.find(({ msg }) => msg === 'accepting clients');
    await waitFor(() => {
      if (child.exitCode !== null) throw new Error(`tcp-proxy ended at its start: ${JSON.stringify(this.#log)}`);
      return accepting() !== undefined;
    }, startLimitMs);
    this.#port = Number(accepting()?.['port']);
    this.#opsPort = Number(accepting()?.['opsPort']);
  }
}
