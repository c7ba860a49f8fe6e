import { setFlagsFromString } from 'node:v8';
import type { Logger } from '@pgwake/telemetry';
import { errorKeys } from '@pgwake/telemetry';
import { StartupError } from './startup-error.js';

export interface RunningApp {
  readonly log: Logger;
  /** Stops accepting, lets work finish within its own limit, closes. Resolves when everything is closed. */
  drain(): Promise<void>;
}

/**
 * The life of an app's process. SIGTERM and SIGINT drain it, once, and end it with status 0; a second signal ends it at
 * once with status 1. A StartupError is told in one sentence on standard error; anything unforeseen is logged, drained
 * and ends it with status 1.
 */
export async function runApp(start: () => Promise<RunningApp>): Promise<void> {
  collectYoungAlone();
  const app = await start().catch((error: unknown) => {
    if (!(error instanceof StartupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });

  let ending = false;
  const end = async (why: string, status: number) => {
    if (ending) process.exit(1);
    ending = true;
    app.log.info({ why }, 'draining');
    await app.drain().catch((error: unknown) => {
      app.log.error(errorKeys(error), 'drain failed');
      process.exit(1);
    });
    app.log.info({}, 'ended');
    process.exit(status);
  };

  process.on('SIGTERM', () => void end('SIGTERM', 0));
  process.on('SIGINT', () => void end('SIGINT', 0));
  const unforeseen = (error: unknown) => {
    app.log.error(errorKeys(error), 'unforeseen error');
    void end('unforeseen error', 1);
  };
  process.on('uncaughtException', unforeseen);
  process.on('unhandledRejection', unforeseen);
}

/**
 * Young garbage is collected by the thread that made it. V8 would share that among threads, which have to be woken for it; of
 * what a request leaves behind hardly anything lives on, so there is little to share. NODE_OPTIONS does not take this flag.
 */
function collectYoungAlone(): void {
  setFlagsFromString('--no-parallel-scavenge');
}
