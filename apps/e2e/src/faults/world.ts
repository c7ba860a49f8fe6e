// What one test has to itself: an endpoint, its computes, what wake-service says about it, and clients that want it.

import { setTimeout as sleep } from 'node:timers/promises';
import { type ScriptedPostgres, type Step, type WakeReply, startScriptedPostgres, steps } from '@pgwake/testkit';
import pg from 'pg';
import type { Gateway } from './gateway.js';

export type Script = readonly Step[];

/** What a client got, and when. */
export type Attempt = { readonly tookMs: number } & (
  | { readonly kind: 'served'; /** The name of the compute that answered a statement. */ readonly by: string }
  | { readonly kind: 'refused'; readonly code: string; readonly text: string }
);

let worlds = 0;

export class World {
  readonly endpoint = `fault-${++worlds}`;
  readonly #endings: (() => Promise<void>)[] = [];

  constructor(readonly gateway: Gateway) {}

  /** `cluster_name` of a generation of this endpoint. */
  nameOf(generation: number): string {
    return `pgwake/${this.endpoint}/${generation}`;
  }

  /** A compute that answers every statement with its name. */
  healthy(clusterName: string): Script {
    const { verifier } = this.gateway.wake;
    return steps.serve({ verifier, clusterName, answer: () => steps.encodeRow('by', clusterName) });
  }

  /** A generation of this endpoint's compute: one script per connection, healthy in the end. */
  async startCompute(generation: number, ...scripts: readonly Script[]): Promise<ScriptedPostgres> {
    const compute = await startScriptedPostgres({ scripts: [...scripts, this.healthy(this.nameOf(generation))] });
    this.atEnd(() => compute.stop());
    return compute;
  }

  /** As {@link startCompute}, behind a first connection that finds it healthy. */
  startWarmCompute(...afterwards: readonly Script[]): Promise<ScriptedPostgres> {
    return this.startCompute(1, this.healthy(this.nameOf(1)), ...afterwards);
  }

  wakes(...replies: readonly WakeReply[]): void {
    this.gateway.wake.script(this.endpoint, replies);
  }

  /** Wakes generation 1 there, so that the gateway has its address in its cache. */
  async warmUp(compute: ScriptedPostgres, place: Place = {}): Promise<void> {
    this.wakes(nodeAt(compute, 1, place));
    const attempt = await this.attempt();
    if (attempt.kind === 'refused') throw new Error(`the address did not get warm: ${attempt.text}`);
    // Its line may come a moment later, and whoever counts journeys from here on must not count this one.
    await this.gateway.journey(this.endpoint);
  }

  /** One client: connects, asks who is there, leaves. */
  attempt(endpoint = this.endpoint, password = this.gateway.password): Promise<Attempt> {
    return attempt(this.gateway, endpoint, password);
  }

  /** Computes and other servers end with the test. */
  atEnd(ending: () => Promise<void>): void {
    this.#endings.push(ending);
  }

  async end(): Promise<void> {
    for (const ending of this.#endings.reverse()) await ending();
  }
}

/** How wake-service names a compute. */
interface Place {
  /** Default: its IP address. */
  readonly host?: string;
  /** By what certificate it proves itself. Default: by `cluster_name`. */
  readonly tlsSan?: string;
}

/** What wake-service says once this compute runs. */
export function nodeAt({ address }: ScriptedPostgres, generation: number, { host, tlsSan }: Place = {}): WakeReply {
  return {
    kind: 'node',
    generation,
    address: host !== undefined && address.kind === 'tcp' ? { ...address, host } : address,
    ...(tlsSan !== undefined && { tlsSan }),
  };
}

export async function attempt(gateway: Gateway, endpoint: string, password = gateway.password): Promise<Attempt> {
  const from = performance.now();
  const took = () => ({ tookMs: performance.now() - from });
  const client = new pg.Client({ ...gateway.connectionConfig(endpoint), password });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ by: string }>('select who is there');
    return { kind: 'served', by: rows[0]?.by ?? '', ...took() };
  } catch (error) {
    const { code = '', message } = error as pg.DatabaseError;
    return { kind: 'refused', code, text: message, ...took() };
  } finally {
    await client.end();
  }
}

const pauseMs = 50;

/**
 * Other endpoints of the same gateway while `work` is done: how long the slowest of their clients waited, in milliseconds.
 * The first of them finds its compute asleep, the others have its address cached.
 */
export async function watchBystanders<T>(
  gateway: Gateway,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly slowestMs: number }> {
  const world = new World(gateway);
  const compute = await world.startCompute(1);
  world.wakes(nodeAt(compute, 1));
  let over = false;
  let slowestMs = 0;
  const bystanders = (async () => {
    do {
      const seen = await world.attempt();
      if (seen.kind === 'refused') throw new Error(`a bystander was refused: ${seen.text}`);
      slowestMs = Math.max(slowestMs, seen.tookMs);
      await sleep(pauseMs);
    } while (!over);
  })();
  try {
    const result = await work();
    over = true;
    await bystanders;
    return { result, slowestMs };
  } finally {
    over = true;
    await bystanders.finally(() => world.end());
  }
}
