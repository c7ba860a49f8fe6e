import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { GatewayError } from '@pgwake/gateway-errors';
import { type EndpointId, type Generation, parseEndpointId, parseGeneration } from '@pgwake/ids';
import { type PoolObserver, createSqlPool, defaultPoolSettings } from './index.js';
import { FakeConnection, PoolLab, type PoolLabOptions } from './testing/pool-lab.js';

let lab: PoolLab;
const settle = (): Promise<void> => nextTurn();

function start(options: PoolLabOptions = {}): PoolLab {
  lab = new PoolLab(options, settle);
  return lab;
}

const silent: PoolObserver = {
  onServed: () => undefined,
  onRefused: () => undefined,
  onReset: () => undefined,
  onClosed: () => undefined,
};
const full = (): GatewayError => expect.objectContaining({ code: 'POOL_FULL' }) as unknown as GatewayError;
const endOf = (generation: number) => ({
  endpoint: parseEndpointId('demo') as EndpointId,
  generation: parseGeneration(generation) as Generation,
});

afterEach(() => {
  expect(lab.events.filter((event) => event.startsWith('WRONG'))).toEqual([]);
});

describe('a connection', () => {
  it('serves the next request of the same login', async () => {
    start();
    const first = await lab.asks();
    expect(await lab.asks()).toBe(first);
    expect(first.resets).toBe(2);
    expect(lab.events).toEqual(['opened', 'reset clean', 'reused', 'reset clean']);
  });

  it.each(['other', 'app/other', 'app/db/other'])('never serves the login %s', async (login) => {
    start();
    const first = await lab.asks();
    expect(await lab.asks({ login })).not.toBe(first);
    expect(lab.open()).toHaveLength(2);
  });

  it('never serves another endpoint', async () => {
    start();
    const first = await lab.asks();
    expect(await lab.asks({ endpoint: 'other' })).not.toBe(first);
  });

  it('that came back last is used first', async () => {
    start();
    const both = [lab.ask(), lab.ask()];
    await settle();
    const [first, second] = both.map(({ connection }) => connection);
    both[1]?.finish();
    await settle();
    both[0]?.finish();
    await settle();
    expect(await lab.asks()).toBe(first);
    expect(first).not.toBe(second);
  });

  it('neither serves nor outlives a request that does not want that', async () => {
    start();
    const kept = await lab.asks();
    const own = await lab.asks({ reuse: false });
    expect(own).not.toBe(kept);
    expect([own.closed, own.resets]).toEqual([true, 0]);
    expect(lab.events.at(-1)).toBe('closed: notKept');
  });

  it('to which nothing was sent needs no reset', async () => {
    start();
    const asked = lab.ask({}, 'silent');
    await settle();
    asked.finish('notSent');
    await settle();
    expect(lab.connections.map(({ resets }) => resets)).toEqual([0]);
    expect(lab.pool.stats()).toEqual({ open: 1, idle: 1, waiting: 0 });
  });

  it('is closed so long after its return, not after its request', async () => {
    start();
    const asked = lab.ask();
    await lab.advance(defaultPoolSettings.idleTimeoutMs * 2);
    asked.finish();
    await lab.advance(defaultPoolSettings.idleTimeoutMs - 2_000);
    expect(lab.pool.stats().idle).toBe(1);
    await lab.advance(4_000);
    expect(lab.pool.stats()).toEqual({ open: 0, idle: 0, waiting: 0 });
    expect(lab.events.at(-1)).toBe('closed: idle');
    expect(lab.clock.pending).toBe(0);
  });

  it('serves so many requests and no more', async () => {
    start({ settings: { maxUses: 3 } });
    const uses = [await lab.asks(), await lab.asks(), await lab.asks(), await lab.asks()];
    expect(new Set(uses).size).toBe(2);
    expect(lab.events).toContain('closed: worn');
  });

  it('does not grow old, however often it is used', async () => {
    start({ settings: { maxAgeMs: 10_000, checkAfterIdleMs: 10_000 } });
    const first = await lab.asks();
    await lab.advance(9_999);
    expect(await lab.asks()).toBe(first);
    await lab.advance(1);
    expect(await lab.asks()).not.toBe(first);
    expect(lab.events).toContain('closed: aged');
  });

  it('that is lost while idle leaves at once', async () => {
    start();
    (await lab.asks()).close();
    expect(lab.pool.stats()).toEqual({ open: 0, idle: 0, waiting: 0 });
    expect(lab.events.at(-1)).toBe('closed: lost');
  });
});

describe('a reset', () => {
  it('is asked for before the answer is there, and keeps nobody waiting but the next', async () => {
    start({ auto: false, settings: { maxPerEndpoint: 1 } });
    const first = lab.ask();
    await settle();
    first.answerOpen();
    await settle();
    const connection = lab.connections[0] as FakeConnection;
    expect(connection.resets).toBe(1);
    const second = lab.ask();
    first.finish();
    await settle();
    expect([first.end, second.begun]).toEqual(['sent', 0]);
    connection.answerReset?.(true);
    await settle();
    expect(second.connection).toBe(connection);
  });

  it('that fails closes the connection, and the next gets another', async () => {
    start({ auto: false });
    const first = lab.ask();
    await settle();
    first.answerOpen();
    await settle();
    first.finish();
    await settle();
    lab.connections[0]?.answerReset?.(false);
    await settle();
    expect(lab.events).toContain('reset failed');
    expect(lab.events.at(-1)).toBe('closed: resetFailed');
    expect(lab.pool.stats().open).toBe(0);
  });

  it('that does not end is ended, counted from the end of its request', async () => {
    start({ auto: false, settings: { resetLimitMs: 3_000 } });
    const first = lab.ask();
    await settle();
    first.answerOpen();
    await lab.advance(60_000);
    expect(lab.connections[0]?.closed).toBe(false);
    first.finish();
    await lab.advance(5_000);
    expect(lab.connections[0]?.closed).toBe(true);
    expect(lab.events.at(-1)).toBe('closed: resetTimeout');
    expect(lab.clock.pending).toBe(0);
  });
});

describe('a full pool', () => {
  it('lets no more in than it may, and serves those who wait in the order in which they came', async () => {
    start();
    const asked = Array.from({ length: 50 }, () => lab.ask());
    await settle();
    expect(lab.open()).toHaveLength(20);
    expect(lab.pool.stats()).toEqual({ open: 20, idle: 0, waiting: 30 });
    for (const each of asked) {
      each.finish();
      await settle();
    }
    expect(lab.connections).toHaveLength(20);
    expect(asked.map(({ place }) => place)).toEqual(asked.map((_, index) => index + 1));
    expect(asked.map(({ end }) => end)).toEqual(asked.map(() => 'sent'));
  });

  it('refuses who has waited too long, and who would make the line too long', async () => {
    start({ settings: { maxPerEndpoint: 1, maxWaitingPerEndpoint: 2 } });
    const [, waiting, another, tooMany] = [lab.ask(), lab.ask(), lab.ask(), lab.ask()];
    await settle();
    expect([waiting.end, another.end, tooMany.end]).toEqual(['pending', 'pending', full()]);
    await lab.advance(4_999);
    expect(waiting.end).toBe('pending');
    await lab.advance(1);
    await settle();
    expect([waiting.end, another.end]).toEqual([full(), full()]);
    expect(lab.events).toEqual(['opened', 'queueFull', 'waitedTooLong', 'waitedTooLong']);
  });

  it('is full for its own endpoint only', async () => {
    start({ settings: { maxPerEndpoint: 1 } });
    lab.ask();
    const other = lab.ask({ endpoint: 'other' });
    await settle();
    expect(other.begun).toBe(1);
  });

  it('closes its coldest idle connection for another login of the endpoint', async () => {
    start({ settings: { maxPerEndpoint: 2 } });
    const first = await lab.asks({ login: 'a' });
    const second = await lab.asks({ login: 'b' });
    await lab.asks({ login: 'c' });
    expect([first.closed, second.closed]).toEqual([true, false]);
    expect(lab.events).toContain('closed: replaced');
  });

  it('does not let a later request of the right login overtake an earlier one', async () => {
    start({ settings: { maxPerEndpoint: 1 } });
    const first = lab.ask({ login: 'a' });
    const [other, same] = [lab.ask({ login: 'b' }), lab.ask({ login: 'a' })];
    await settle();
    first.finish();
    await settle();
    expect([other.begun, same.begun]).toEqual([1, 0]);
  });

  it('over all endpoints closes the coldest idle connection first', async () => {
    start({ settings: { maxOpen: 2 } });
    const cold = await lab.asks({ endpoint: 'cold' });
    const warm = await lab.asks({ endpoint: 'warm' });
    await lab.asks({ endpoint: 'new' });
    expect([cold.closed, warm.closed]).toEqual([true, false]);
    expect(lab.events).toContain('closed: evicted');
  });

  it('over all endpoints serves whoever waits longest, wherever a connection comes back', async () => {
    start({ settings: { maxOpen: 1 } });
    const first = lab.ask({ endpoint: 'a' });
    const [other, same] = [lab.ask({ endpoint: 'b' }), lab.ask({ endpoint: 'a' })];
    await settle();
    first.finish();
    await settle();
    expect([other.begun, same.begun]).toEqual([1, 0]);
    other.finish();
    await settle();
    expect(same.begun).toBe(1);
  });
});

describe('a request', () => {
  it('is given another connection when its own is found dead, and notices nothing', async () => {
    start();
    const dead = await lab.asks();
    await lab.advance(defaultPoolSettings.checkAfterIdleMs + 1);
    const asked = lab.ask();
    await settle();
    expect(asked.begun).toBe(0);
    dead.answerCheck?.(false);
    await settle();
    expect(asked.begun).toBe(1);
    expect(asked.connection).not.toBe(dead);
    expect(lab.events).toContain('closed: checkFailed');
  });

  it('does not wait long to know', async () => {
    start();
    await lab.asks();
    await lab.advance(10_000);
    const asked = lab.ask();
    await lab.advance(defaultPoolSettings.checkLimitMs);
    await settle();
    expect(asked.begun).toBe(1);
    expect(lab.connections).toHaveLength(2);
  });

  it('of which nothing was sent is given another connection, and notices nothing', async () => {
    start();
    const dying = await lab.asks();
    const asked = lab.ask({}, 'silent');
    await settle();
    expect(asked.connection).toBe(dying);
    dying.close();
    asked.finish('notSent');
    await settle();
    expect(asked.begun).toBe(2);
    expect(asked.connection).not.toBe(dying);
  });

  it('that was still held when its connection was lost is given another one, and notices nothing', async () => {
    start();
    const dying = await lab.asks();
    const asked = lab.ask();
    await settle();
    expect([asked.connection, dying.touched]).toEqual([dying, true]);
    dying.lostUnsent = true;
    dying.close();
    asked.finish('notSent');
    await settle();
    expect(asked.begun).toBe(2);
    expect(asked.connection).not.toBe(dying);
    asked.finish();
    await settle();
    expect(asked.end).toBe('sent');
  });

  it('of which nothing was sent on a connection just opened is told so', async () => {
    start();
    const asked = lab.ask({}, 'silent');
    await settle();
    asked.connection?.close();
    asked.finish('notSent');
    await settle();
    expect([asked.begun, asked.end]).toEqual([1, 'notSent']);
  });

  it.each([true, false])(
    'is never repeated once something was sent, even if the reset behind it says %s',
    async (clean) => {
      start({ auto: false });
      const first = lab.ask();
      await settle();
      first.answerOpen();
      await settle();
      first.finish();
      const connection = lab.connections[0] as FakeConnection;
      connection.answerReset?.(true);
      await settle();
      const second = lab.ask();
      await settle();
      expect(second.connection).toBe(connection);
      // All in one turn: when the pool looks at it again, it looks like one that nothing was sent to.
      second.finish();
      connection.answerReset?.(clean);
      connection.close();
      await settle();
      expect([second.begun, second.end]).toEqual([1, 'sent']);
    },
  );

  it('that lingers after its reset has no part in what others do with the connection', async () => {
    start({ auto: false });
    const connection = new FakeConnection(endOf(1).generation, 'app', false);
    let goOn = (): void => undefined;
    const lingering = new Promise<void>((resolve) => (goOn = resolve));
    const request = {
      key: { endpoint: endOf(1).endpoint, database: 'db', role: 'app', credential: 'c' },
      reuse: true,
      open: async () => connection,
      abort: new AbortController().signal,
      signal: () => new AbortController().signal,
    };
    const send = (until: Promise<void>) => async (lent: FakeConnection) => {
      lent.touched = true;
      await until;
    };
    const pool = createSqlPool<FakeConnection>({ clock: lab.clock, observer: silent });
    const first = pool.use(request, send(lingering));
    await settle();
    connection.answerReset?.(true);
    await settle();
    void pool.use(request, send(new Promise(() => undefined)));
    await settle();
    goOn();
    await first;
    await lab.advance(2 * defaultPoolSettings.resetLimitMs);
    expect(connection.closed).toBe(false);
  });

  it('that lingers is not repeated because a later one was still held when the connection was lost', async () => {
    start();
    const connection = await lab.asks();
    const lingering = lab.ask();
    await settle();
    connection.answerReset?.(true);
    await settle();
    connection.users -= 1; // it is answered, and takes its time with the answer
    const later = lab.ask();
    await settle();
    expect([lingering.connection, later.connection]).toEqual([connection, connection]);
    connection.lostUnsent = true;
    connection.close();
    lingering.finish();
    later.finish('notSent');
    await settle();
    expect([lingering.begun, lingering.end, later.begun]).toEqual([1, 'sent', 2]);
    expect(later.connection).not.toBe(connection);
  });

  it('whose connection cannot be opened is told why, and leaves its place', async () => {
    start({ auto: false, settings: { maxPerEndpoint: 1 } });
    const [first, second] = [lab.ask(), lab.ask()];
    await settle();
    const error = new GatewayError('WAKE_TIMEOUT');
    first.answerOpen(error);
    await settle();
    expect([first.end, second.opening]).toEqual([error, true]);
  });

  it('that nobody waits for any more leaves the line', async () => {
    start({ settings: { maxPerEndpoint: 1 } });
    const [first, second, third] = [lab.ask(), lab.ask(), lab.ask()];
    await settle();
    second.leave();
    await settle();
    expect(second.end).toMatchObject({ message: 'left' });
    first.finish();
    await settle();
    expect(third.begun).toBe(1);
  });
});

describe('the end of a generation', () => {
  it('closes what is idle now, and what is at work when it is done', async () => {
    start();
    const [busy, other] = [lab.ask(), lab.ask()];
    await settle();
    other.finish();
    await settle();
    const [working, idle] = lab.connections;
    lab.pool.endGeneration(endOf(1));
    expect([working?.closed, idle?.closed]).toEqual([false, true]);
    busy.finish();
    await settle();
    expect(working?.closed).toBe(true);
    expect(lab.events.filter((event) => event === 'closed: generationOver')).toHaveLength(2);
  });

  it('is nothing to later ones, or to what the pool does not know', async () => {
    start();
    lab.pool.endGeneration(endOf(9));
    lab.generation = 2;
    const connection = await lab.asks();
    lab.pool.endGeneration(endOf(1));
    expect(connection.closed).toBe(false);
  });

  it('is known from a connection to a later one', async () => {
    start();
    const old = await lab.asks();
    lab.generation = 2;
    const fresh = await lab.asks({ login: 'other' });
    expect([old.closed, fresh.closed]).toEqual([true, false]);
  });
});

describe('draining', () => {
  it('refuses who comes or waits, lets those at work finish, and ends when all is closed', async () => {
    start({ settings: { maxPerEndpoint: 2 } });
    const [first, second, waiting] = [lab.ask(), lab.ask(), lab.ask()];
    await settle();
    second.finish();
    await settle();
    let drained = false;
    const end = lab.pool.drain().then(() => (drained = true));
    const late = lab.ask();
    await settle();
    expect(late.end).toMatchObject({ code: 'DRAINING' });
    expect([waiting.begun, drained]).toEqual([1, false]);
    first.finish();
    waiting.finish();
    await end;
    await settle();
    expect([first.end, waiting.end]).toEqual(['sent', 'sent']);
    expect(lab.pool.stats()).toEqual({ open: 0, idle: 0, waiting: 0 });
    expect(lab.clock.pending).toBe(0);
  });

  it('refuses those in the line', async () => {
    start({ settings: { maxPerEndpoint: 1 } });
    const [first, waiting] = [lab.ask(), lab.ask()];
    await settle();
    const end = lab.pool.drain();
    await settle();
    expect(waiting.end).toMatchObject({ code: 'DRAINING' });
    first.finish();
    await end;
  });
});

it('refuses settings that make no sense', () => {
  start();
  const deps = { clock: lab.clock, observer: silent };
  for (const settings of [{ maxPerEndpoint: 0 }, { maxOpen: 1.5 }, { idleTimeoutMs: Number.NaN }]) {
    expect(() => createSqlPool({ ...deps, settings })).toThrow(RangeError);
  }
});
