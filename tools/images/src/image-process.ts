// The process of an image, run on this machine: its CMD, in its files, with its environment and its HEALTHCHECK.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { waitFor } from '@pgwake/testkit';
import { argvOf, ofKind, type Stage } from './dockerfile.ts';

const healthyLimitMs = 60_000;
const endLimitMs = 30_000;

export class ImageProcess {
  readonly #child: ChildProcess;
  readonly #checkHealth: () => Promise<boolean>;
  #log = '';

  private constructor(child: ChildProcess, checkHealth: () => Promise<boolean>) {
    this.#child = child;
    this.#checkHealth = checkHealth;
    const note = (chunk: Buffer): void => void (this.#log += chunk.toString());
    child.stdout?.on('data', note);
    child.stderr?.on('data', note);
  }

  /** Resolves once its HEALTHCHECK succeeds. `settings` win over the environment of the image. */
  static async start(
    image: Stage,
    files: string,
    settings: Readonly<Record<string, string | undefined>>,
  ): Promise<ImageProcess> {
    const env = { PATH: process.env['PATH'], ...environmentOf(image), ...settings };
    const check = async (): Promise<boolean> => {
      const [, ...args] = nodeCommand(image, 'healthcheck');
      return promisify(execFile)(process.execPath, args, { env }).then(
        () => true,
        () => false,
      );
    };
    const [, ...args] = nodeCommand(image, 'cmd');
    const child = spawn(process.execPath, args, { cwd: files, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const started = new ImageProcess(child, check);
    try {
      await waitFor(() => started.#healthy(), healthyLimitMs);
    } catch (error) {
      await started.end('SIGKILL');
      throw new Error(`${image.name} does not get healthy: ${started.#log.slice(-2_000)}`, { cause: error });
    }
    return started;
  }

  /** Resolves with the exit code; `null` when a signal ended it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (!this.#ended()) {
      const exited = once(this.#child, 'exit');
      this.#child.kill(signal);
      const force = setTimeout(() => this.#child.kill('SIGKILL'), endLimitMs);
      await exited;
      clearTimeout(force);
    }
    return this.#child.exitCode;
  }

  async #healthy(): Promise<boolean> {
    if (this.#ended()) throw new Error('it ended at its start');
    return this.#checkHealth();
  }

  #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}

/** The variables that the image sets. */
export function environmentOf(image: Stage): Record<string, string> {
  return Object.fromEntries(ofKind(image, 'env').map(({ name, value }) => [name, value]));
}

function nodeCommand(image: Stage, kind: 'cmd' | 'healthcheck'): readonly string[] {
  const argv = argvOf(image, kind) ?? [];
  if (argv[0] !== 'node') throw new Error(`the ${kind} of ${image.name} is no call of node`);
  return argv;
}
