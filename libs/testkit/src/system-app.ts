// One built app as a process, with its log in a file. For the class System.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { waitFor } from './wait-for.js';

export type AppName = 'wake-service' | 'tcp-proxy' | 'http-proxy';

/** As in the environment. */
export type Settings = Readonly<Record<string, string>>;

export interface SystemAppOptions {
  readonly name: AppName;
  readonly settings: Settings;
  readonly opsPort: string;
  readonly logFile: string;
  /** How many files it may open. Default: as many as this process. */
  readonly openFiles?: number | undefined;
}

/** NODE_OPTIONS as in the images; those of the test runner are not for the apps. */
const nodeOptionsOf: Readonly<Record<AppName, string>> = {
  'tcp-proxy': '--max-semi-space-size=4',
  'http-proxy': '',
  'wake-service': '',
};

const readyLimitMs = 60_000;
const stopLimitMs = 30_000;

export class SystemApp {
  #child: ChildProcess | undefined;

  constructor(private readonly options: SystemAppOptions) {}

  /** Of the latest process. Throws before the first start. */
  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.options.name} was not started`);
    return this.#child.pid;
  }

  /** What all its processes have logged. */
  get log(): string {
    return readFileSync(this.options.logFile, 'utf8');
  }

  /** Resolves once it is ready; rejects with the end of its log when it ends instead. */
  async start(): Promise<void> {
    const { name, settings, logFile, openFiles } = this.options;
    const log = openSync(logFile, 'a');
    const main = fileURLToPath(new URL(`../../../apps/${name}/dist/main.js`, import.meta.url));
    // `exec`: the process is the app, not the shell.
    const [command, ...args] =
      openFiles === undefined
        ? [process.execPath, main]
        : ['sh', '-c', `ulimit -n ${openFiles} && exec "$0" "$1"`, process.execPath, main];
    const child = spawn(command, args, {
      env: { ...process.env, NODE_OPTIONS: nodeOptionsOf[name], ...settings },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    await waitFor(async () => {
      if (hasEnded(child)) throw new Error(`${name} ended at its start: ${this.log.slice(-2_000)}`);
      return this.#isReady();
    }, readyLimitMs);
  }

  /** Sends the signal and waits until the process has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || hasEnded(child)) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    const force = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
    await exited;
    clearTimeout(force);
  }

  /** In the text format of Prometheus. */
  async metrics(): Promise<string> {
    return (await this.askOps('metrics')).text();
  }

  /** `livez`, `readyz` or `metrics`. */
  askOps(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.options.opsPort}/${path}`);
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await this.askOps('readyz')).ok;
    } catch {
      return false;
    }
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
