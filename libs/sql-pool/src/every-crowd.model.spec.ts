// Crowds of every kind against what the pool promises, whatever happens in whatever order.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { GatewayError } from '@pgwake/gateway-errors';
import { type EndpointId, type Generation, parseEndpointId, parseGeneration } from '@pgwake/ids';
import { type Asked, PoolLab } from './testing/pool-lab.js';

const limits = { maxPerEndpoint: 3, maxOpen: 5, maxWaitingPerEndpoint: 6 };
const endpoints = ['a', 'b', 'c'] as const;
const settle = (): Promise<void> => nextTurn();

type Event =
  | {
      readonly kind: 'ask';
      readonly endpoint: string;
      readonly login: string;
      readonly reuse: boolean;
      readonly sends: boolean;
    }
  | { readonly kind: 'opened' | 'notOpened' | 'finish' | 'leave'; readonly which: number }
  | { readonly kind: 'resetClean' | 'resetFails' | 'alive' | 'dead' | 'lost'; readonly which: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'generationOver'; readonly endpoint: string };

const which = fc.nat({ max: 9 });
const endpoint = fc.constantFrom(...endpoints);
const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      endpoint,
      login: fc.constantFrom('x', 'y'),
      reuse: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
      sends: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('opened' as const, 'finish' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('notOpened' as const, 'leave' as const), which }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('resetClean' as const, 'alive' as const), which }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('resetFails' as const, 'dead' as const, 'lost' as const),
      which,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(10, 900, 1_100, 4_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('generationOver' as const), endpoint }) },
);

class Crowd {
  readonly lab = new PoolLab({ auto: false, settings: limits }, settle);
  readonly asked: Asked[] = [];

  async happens(event: Event): Promise<void> {
    const { lab, asked } = this;
    switch (event.kind) {
      case 'ask':
        asked.push(lab.ask(event, event.sends ? 'sending' : 'silent'));
        break;
      case 'opened':
        pick(
          asked.filter(({ opening }) => opening),
          event.which,
        )?.answerOpen();
        break;
      case 'notOpened':
        pick(
          asked.filter(({ opening }) => opening),
          event.which,
        )?.answerOpen(new GatewayError('WAKE_TIMEOUT'));
        break;
      case 'finish':
        pick(
          asked.filter(({ connection }) => connection),
          event.which,
        )?.finish();
        break;
      case 'leave':
        pick(
          asked.filter(({ end }) => end === 'pending'),
          event.which,
        )?.leave();
        break;
      case 'resetClean':
      case 'resetFails': {
        // Behind the request, as on the wire.
        const due = lab.connections.filter(({ answerReset, users }) => answerReset && users === 0);
        pick(due, event.which)?.answerReset?.(event.kind === 'resetClean');
        break;
      }
      case 'alive':
      case 'dead':
        this.#answerCheck(event.which, event.kind === 'alive');
        break;
      case 'lost':
        pick(lab.open(), event.which)?.close();
        break;
      case 'pass':
        await lab.advance(event.ms);
        break;
      case 'generationOver':
        lab.pool.endGeneration({
          endpoint: parseEndpointId(event.endpoint) as EndpointId,
          generation: parseGeneration(lab.generation) as Generation,
        });
        lab.generation += 1;
    }
    await settle();
    this.#expectPromisesKept();
  }

  /** Everything that is under way comes to an end; the pool must then be empty, and nobody waiting. */
  async ends(): Promise<void> {
    const { lab, asked } = this;
    const drained = lab.pool.drain();
    for (let round = 0; round < 50; round += 1) {
      for (const each of asked) {
        each.answerOpen();
        each.finish();
      }
      for (const connection of lab.connections) {
        if (connection.users === 0) connection.answerReset?.(true);
        connection.answerCheck?.(true);
      }
      await settle();
    }
    await drained;
    expect(asked.filter(({ end }) => end === 'pending')).toEqual([]);
    expect(lab.open()).toEqual([]);
    expect(lab.pool.stats()).toEqual({ open: 0, idle: 0, waiting: 0 });
    expect(lab.clock.pending).toBe(0);
  }

  #answerCheck(which: number, alive: boolean): void {
    const checked = pick(
      this.lab.connections.filter(({ answerCheck }) => answerCheck),
      which,
    );
    const answer = checked?.answerCheck;
    if (checked) checked.answerCheck = undefined;
    answer?.(alive);
  }

  #expectPromisesKept(): void {
    const { lab, asked } = this;
    expect(lab.events.filter((event) => event.startsWith('WRONG'))).toEqual([]);
    expect(lab.pool.stats().open).toBeLessThanOrEqual(limits.maxOpen);
    expect(lab.open().length).toBeLessThanOrEqual(lab.pool.stats().open);
    for (const name of endpoints) expect(lab.open(name).length).toBeLessThanOrEqual(limits.maxPerEndpoint);
    this.#expectNobodyForgotten(asked);
  }

  /** Nobody waits while there is something idle or something free for him. */
  #expectNobodyForgotten(asked: readonly Asked[]): void {
    const { idle, open, waiting } = this.lab.pool.stats();
    const inLine = asked.filter(({ end, place }) => end === 'pending' && place === undefined);
    // Some wait for a check, and not in the line.
    expect(inLine.length).toBeGreaterThanOrEqual(waiting);
    if (waiting === 0) return;
    const crowded = endpoints.some(
      (name) => this.lab.open(name).length >= limits.maxPerEndpoint || this.#opening(name) > 0,
    );
    expect(open >= limits.maxOpen ? idle === 0 : crowded).toBe(true);
  }

  #opening(name: string): number {
    return this.asked.filter(({ endpoint, opening }) => opening && endpoint === name).length;
  }
}

function pick<T>(items: readonly T[], index: number): T | undefined {
  return items[index % items.length];
}

describe('whatever happens', () => {
  it('the limits hold, nobody gets the connection of another, and nobody is forgotten', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 60 }), async (events) => {
        const crowd = new Crowd();
        for (const event of events) await crowd.happens(event);
        await crowd.ends();
      }),
      { numRuns: 300 },
    );
  });

  it('nobody is overtaken: those who wait for an endpoint are served in the order in which they came', async () => {
    const asks = fc.array(fc.record({ endpoint, login: fc.constantFrom('x', 'y'), reuse: fc.boolean() }), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(asks, fc.array(which, { maxLength: 60 }), async (crowd, order) => {
        const lab = new PoolLab({ settings: { ...limits, maxWaitingPerEndpoint: 30 } }, settle);
        const asked = crowd.map((ask) => lab.ask(ask));
        await settle();
        for (const index of order) {
          pick(
            asked.filter(({ connection }) => connection),
            index,
          )?.finish();
          await settle();
        }
        for (const name of endpoints) {
          const places = asked.flatMap(({ endpoint: wanted, place }) => (wanted === name ? [place ?? Infinity] : []));
          expect(places).toEqual(places.toSorted((a, b) => a - b));
        }
      }),
      { numRuns: 300 },
    );
  });
});
