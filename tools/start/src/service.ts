// One of pgwake's services as a process of its own. It outlives a launcher that is killed, so what it is and how it was
// started is written down, and the next launcher goes on with it instead of starting a second one.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ProcessIdentity, identifyProcess, isAlive, signalProcess } from '@pgwake/compute-process';
import { StartupError } from '@pgwake/nest-kit';
import { ProgressTail } from './progress-tail.ts';

export interface ServiceSpec {
  readonly name: string;
  /** The built main file. */
  readonly main: string;
  /** When the code was built; a process of another build is not gone on with. */
  readonly builtFrom: number;
  readonly env: Readonly<Record<string, string>>;
  readonly readyUrl: string;
}

interface RunRecord {
  readonly process: ProcessIdentity;
  /** Of what it was started with and from. */
  readonly fingerprint: string;
}

const readyLimitMs = 120_000;
const stopLimitMs = 60_000;

export class Service {
  readonly #spec: ServiceSpec;
  readonly #recordFile: string;
  readonly #logFile: string;
  readonly #errorFile: string;
  #process: ProcessIdentity | undefined;

  constructor(spec: ServiceSpec, stateDir: string) {
    this.#spec = spec;
    mkdirSync(join(stateDir, 'run'), { recursive: true });
    mkdirSync(join(stateDir, 'logs'), { recursive: true });
    this.#recordFile = join(stateDir, 'run', `${spec.name}.json`);
    this.#logFile = join(stateDir, 'logs', `${spec.name}.log`);
    this.#errorFile = join(stateDir, 'logs', `${spec.name}.err`);
  }

  get name(): string {
    return this.#spec.name;
  }

  get logFile(): string {
    return this.#logFile;
  }

  get alive(): boolean {
    return this.#process !== undefined && isAlive(this.#process);
  }

  /** Goes on with the process of an earlier launcher when it was started the same way, else starts one; waits until it is ready. */
  async ensure(): Promise<'adopted' | 'started'> {
    const fingerprint = this.#fingerprint();
    const earlier = this.#readRecord();
    if (earlier !== undefined && isAlive(earlier.process)) {
      this.#process = earlier.process;
      if (earlier.fingerprint === fingerprint && (await this.#isReady())) return 'adopted';
      await this.stop();
    }
    await this.#start(fingerprint);
    return 'started';
  }

  /** SIGTERM, then SIGKILL when it takes too long. Resolves when the process is gone. */
  async stop(): Promise<void> {
    if (this.#process === undefined) return;
    signalProcess(this.#process, 'SIGTERM');
    for (let waitedMs = 0; this.alive; waitedMs += 50) {
      if (waitedMs >= stopLimitMs) signalProcess(this.#process, 'SIGKILL');
      await sleep(50);
    }
    this.#process = undefined;
    rmSync(this.#recordFile, { force: true });
  }

  async #start(fingerprint: string): Promise<void> {
    const { name, main, env } = this.#spec;
    const tail = new ProgressTail(this.#logFile);
    const log = openSync(this.#logFile, 'a');
    const errors = openSync(this.#errorFile, 'w');
    // A group of its own: Ctrl-C in the terminal reaches the launcher alone, which ends the services in order.
    const child = spawn(process.execPath, [main], {
      env: { ...process.env, ...env },
      stdio: ['ignore', log, errors],
      detached: true,
    });
    closeSync(log);
    closeSync(errors);
    child.on('error', () => undefined);
    child.unref();
    this.#process = child.pid === undefined ? undefined : identifyProcess(child.pid);
    if (this.#process !== undefined) this.#writeRecord({ process: this.#process, fingerprint });
    for (let waitedMs = 0; waitedMs < readyLimitMs; waitedMs += 50) {
      tail.print();
      if (await this.#isReady()) return tail.print();
      if (!this.alive) throw new StartupError(this.#whyItEnded());
      await sleep(50);
    }
    await this.stop();
    throw new StartupError(`${name} was not ready in time; its log is ${this.#logFile}.`);
  }

  async #isReady(): Promise<boolean> {
    try {
      const { ok, headers } = await fetch(this.#spec.readyUrl, { signal: AbortSignal.timeout(2_000) });
      // Somebody else's answer at this address says nothing: ours is about to find the address taken, and to say so.
      return ok && this.alive && headers.get('pgwake-pid') === String(this.#process?.pid);
    } catch {
      return false;
    }
  }

  #whyItEnded(): string {
    const words = readFileSync(this.#errorFile, 'utf8').trim();
    return words === '' ? `${this.name} ended at its start; its log is ${this.#logFile}.` : words;
  }

  #fingerprint(): string {
    const { main, env, builtFrom } = this.#spec;
    const inherited = Object.entries(process.env).filter(([key]) => key.startsWith('PGWAKE_'));
    const settings = [...inherited, ...Object.entries(env)].sort();
    return createHash('sha256')
      .update(JSON.stringify([settings, main, builtFrom]))
      .digest('hex');
  }

  #readRecord(): RunRecord | undefined {
    try {
      return JSON.parse(readFileSync(this.#recordFile, 'utf8')) as RunRecord;
    } catch {
      return undefined;
    }
  }

  #writeRecord(record: RunRecord): void {
    writeFileSync(`${this.#recordFile}.new`, JSON.stringify(record));
    renameSync(`${this.#recordFile}.new`, this.#recordFile);
  }
}
