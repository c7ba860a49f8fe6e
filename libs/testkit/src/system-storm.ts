// Many clients at once, from processes of their own.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import type { ClientOutcome, StormOrder } from './system-storm-clients.js';

export interface StormOptions {
  readonly clients: number;
  /** Through which proxies: the clients take them in turn. */
  readonly via: readonly pg.ClientConfig[];
  /** What a client does once it has its row. Default: leave. */
  readonly thenThey?: StormOrder['thenThey'];
  /** Called as soon as it is known. */
  readonly onOutcome?: (outcome: ClientOutcome) => void;
}

/** Long after every limit of the gateway, which is to be seen failing by its own words. */
const connectLimitMs = 300_000;
const processes = 2;
const clientsFile = fileURLToPath(new URL('../dist/system-storm-clients.js', import.meta.url));

export class Storm {
  readonly outcomes: ClientOutcome[] = [];
  /** Resolves when all clients have their row, or have failed to get one. */
  readonly over: Promise<void>;
  readonly #children: readonly ChildProcess[];

  /** The clients begin at once. Each asks for one row with its own number in it. */
  constructor({ clients, via, thenThey = 'leave', onOutcome }: StormOptions) {
    const all = Array.from({ length: clients }, (_, number) => ({
      number,
      config: { connectionTimeoutMillis: connectLimitMs, ...via[number % via.length] },
    }));
    this.#children = Array.from({ length: processes }, (_, at) => {
      const child = fork(clientsFile, { execArgv: [], env: { ...process.env, NODE_OPTIONS: '' } });
      // Blocks, not turns: otherwise two processes and two proxies would pair off.
      const share = all.slice((clients * at) / processes, (clients * (at + 1)) / processes);
      child.send({ clients: share, thenThey } satisfies StormOrder);
      return child;
    });
    this.over = new Promise((resolve, reject) => {
      for (const child of this.#children) {
        child.on('message', (outcome: ClientOutcome) => {
          this.outcomes.push(outcome);
          onOutcome?.(outcome);
          if (this.outcomes.length === clients) resolve();
        });
        child.once('error', reject);
        child.once('exit', (status, signal) => reject(new Error(`the clients ended with ${signal ?? status}`)));
      }
    });
    this.over.catch(() => undefined); // whoever ends a storm early does not wait for it
  }

  /** Lets those leave who stayed, and resolves when the processes have ended. */
  async end(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, 'exit');
        child.send('leave');
        await exited;
      }),
    );
  }
}
