// The pool of query connections. A request comes with its login and what it wants done; the pool finds or opens a
// connection, and sees to it that the next request cannot notice that there was one before.
//
// Every connection is reset after every request that sent anything: what a function, a trigger or a view behind a SELECT
// may have changed, nobody can see from outside. The reset follows the request in the same write, so it delays no answer.

import { ArrivalList } from '@pgwake/arrival-list';
import type { AbortNotice, Clock } from '@pgwake/connect-core';
import { GatewayError } from '@pgwake/gateway-errors';
import { type EndpointId, type Generation, millis } from '@pgwake/ids';
import { Patience } from './patience.js';
import { type Entry, type Place, Places, type PoolKey, type Room, type Waiter } from './places.js';
import type { CloseReason, PoolObserver, PooledConnection } from './ports.js';
import { type PoolSettings, completeSettings } from './settings.js';

export interface SqlPoolDeps {
  /** What differs from `defaultPoolSettings`. */
  readonly settings?: Partial<PoolSettings>;
  readonly clock: Clock;
  readonly observer: PoolObserver;
}

export interface PoolRequest<C extends PooledConnection> {
  readonly key: PoolKey;
  /** Whether a connection that served before will do, and may serve again. Without it one is opened and closed. */
  readonly reuse: boolean;
  /** Opens a connection for this key, by the whole journey to the compute. Its rejection is the request's. */
  readonly open: () => Promise<C>;
  /** Aborted when nobody waits for the answer any more. */
  readonly abort: AbortNotice;
  /** The same, asked for when the request has to wait for a connection's sign of life. */
  readonly signal: () => AbortSignal;
}

export interface SqlPool<C extends PooledConnection> {
  /**
   * Gives `work` a connection for one request. `work` sends it, or nothing at all, before it returns its promise, and has
   * the connection until that is settled. If by then a connection that had served before is lost and nothing was sent,
   * `work` is called again with another one, and nobody sees that. After the first byte nothing is ever repeated.
   *
   * Rejects with POOL_FULL, DRAINING, and what `open` or `work` rejects with; with the reason of `abort` if it has to wait. One
   * that is aborted already may be lent a connection that is free, which costs nothing if `work` then sends nothing.
   */
  use<R>(request: PoolRequest<C>, work: (connection: C) => Promise<R>): Promise<R>;
  /** This compute is going or gone: its connections leave, those at work as soon as they are done. */
  endGeneration(ref: { readonly endpoint: EndpointId; readonly generation: Generation }): void;
  /** Refuses requests from now on. Resolves when those under way are done and every connection is closed. */
  drain(): Promise<void>;
  stats(): { readonly open: number; readonly idle: number; readonly waiting: number };
}

/** Throws RangeError for settings that cannot work. */
export function createSqlPool<C extends PooledConnection>(deps: SqlPoolDeps): SqlPool<C> {
  return new Pool(deps);
}

class Pool<C extends PooledConnection> implements SqlPool<C> {
  readonly #settings: PoolSettings;
  readonly #clock: Clock;
  readonly #observer: PoolObserver;
  readonly #places: Places<C>;
  /** Those whose request is over, the one due first standing first. */
  readonly #resetting = new ArrivalList<Entry<C>>();
  readonly #patience: Patience<Waiter<C>>;
  #draining: { readonly ended: Promise<void>; readonly end: () => void } | undefined;
  #sweeping = false;
  /** Aborted when there is nothing left to be looked after. */
  readonly #over = new AbortController();

  constructor({ settings = {}, clock, observer }: SqlPoolDeps) {
    this.#settings = completeSettings(settings);
    this.#clock = clock;
    this.#observer = observer;
    this.#places = new Places(this.#settings, observer);
    this.#patience = new Patience<Waiter<C>>({
      clock,
      limitMs: this.#settings.waitLimitMs,
      over: this.#over.signal,
      onImpatient: (waiter) => this.#refuseImpatient(waiter),
    });
  }

  async use<R>(request: PoolRequest<C>, work: (connection: C) => Promise<R>): Promise<R> {
    for (;;) {
      const entry = this.#takeAtOnce(request) ?? (await this.#obtain(request));
      const { connection } = entry;
      const isNew = entry.uses === 0;
      const use = (entry.uses += 1);
      let sent = false;
      let resetFollows = false;
      let result: R;
      try {
        const answer = work(connection);
        sent = connection.touched;
        resetFollows = sent && request.reuse && this.#unfit(entry) === undefined;
        if (resetFollows) void this.#reset(entry);
        result = await answer;
        // Asked only while the connection is surely still ours ("never repeats a request ...").
        if (!resetFollows) sent = connection.touched;
        if (entry.uses === use && connection.lostUnsent) sent = false;
      } finally {
        if (!resetFollows) this.#giveBack(entry, request.reuse);
        // The reset may be over by now, and the connection somebody else's.
        else if (entry.uses === use && entry.state === 'resetting') this.#limitReset(entry);
      }
      if (isNew || sent || !connection.closed) return result;
    }
  }

  endGeneration({ endpoint, generation }: { readonly endpoint: EndpointId; readonly generation: Generation }): void {
    this.#places.endGenerationsBefore(endpoint, generation + 1);
    this.#changed();
  }

  drain(): Promise<void> {
    if (this.#draining === undefined) {
      let end = (): void => undefined;
      const ended = new Promise<void>((resolve) => (end = resolve));
      this.#draining = { ended, end };
      this.#places.refuseAll(new GatewayError('DRAINING'));
      for (const entry of this.#places.idle.toArray()) this.#places.drop(entry, 'drained');
      this.#changed();
    }
    return this.#draining.ended;
  }

  stats(): { readonly open: number; readonly idle: number; readonly waiting: number } {
    const { taken, idleCount, waitingCount } = this.#places;
    return { open: taken, idle: idleCount, waiting: waitingCount };
  }

  /** The usual case, which waits for nothing: a connection that was in use a moment ago is idle. */
  #takeAtOnce({ key, reuse }: PoolRequest<C>): Entry<C> | undefined {
    if (!reuse || this.#draining !== undefined) return undefined;
    const nowMs = this.#clock.now();
    const entry = this.#places.hottest(this.#places.room(key.endpoint), loginOf(key), nowMs);
    if (entry === undefined || entry.connection.closed || this.#isDoubtful(entry, nowMs)) return undefined;
    this.#places.take(entry);
    this.#observer.onServed('reused', 0);
    return entry;
  }

  async #obtain(request: PoolRequest<C>): Promise<Entry<C>> {
    const askedAtMs = this.#clock.now();
    for (;;) {
      const place = this.#findPlace(request) ?? (await this.#wait(request));
      const waitedMs = this.#clock.now() - askedAtMs;
      if (place.kind === 'opening') {
        this.#observer.onServed('opened', waitedMs);
        return this.#open(place.room, request);
      }
      const { entry } = place;
      if (this.#isSound(entry) || (await this.#isAlive(entry, request))) {
        this.#observer.onServed('reused', waitedMs);
        return entry;
      }
    }
  }

  /** `undefined`: wait for one. */
  #findPlace({ key, reuse, abort }: PoolRequest<C>): Place<C> | undefined {
    if (this.#draining) throw new GatewayError('DRAINING');
    if (abort.aborted) throw abort.reason;
    const room = this.#places.room(key.endpoint);
    const place = this.#places.find(room, { login: loginOf(key), reuse }, this.#clock.now());
    if (place !== undefined || room.waiters.size < this.#settings.maxWaitingPerEndpoint) return place;
    this.#observer.onRefused('queueFull');
    throw new GatewayError('POOL_FULL', { detail: `${room.waiters.size} requests wait already` });
  }

  #wait({ key, reuse, abort }: PoolRequest<C>): Promise<Place<C>> {
    return new Promise((resolve, reject) => {
      const room = this.#places.room(key.endpoint);
      const onAbort = (): void => waiter.refuse(abort.reason);
      const leave = (): void => {
        this.#patience.remove(turn);
        abort.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter<C> = {
        login: loginOf(key),
        reuse,
        answer(place) {
          leave();
          resolve(place);
        },
        refuse: (error) => {
          leave();
          this.#places.stopWaiting(room, waiter);
          reject(error as Error);
        },
        arrival: 0,
        standing: undefined,
      };
      this.#places.wait(room, waiter);
      const turn = this.#patience.add(waiter);
      abort.addEventListener('abort', onAbort, { once: true });
    });
  }

  #refuseImpatient(waiter: Waiter<C>): void {
    this.#observer.onRefused('waitedTooLong');
    waiter.refuse(new GatewayError('POOL_FULL', { detail: `waited ${this.#settings.waitLimitMs} ms` }));
  }

  async #open(room: Room<C>, { key, open }: PoolRequest<C>): Promise<Entry<C>> {
    let connection: C;
    try {
      connection = await open();
    } catch (error) {
      this.#places.notOpened(room);
      this.#changed();
      throw error;
    }
    const entry = this.#places.opened(room, loginOf(key), connection, this.#clock.now());
    connection.onClosed(() => this.#drop(entry, 'lost'));
    return entry;
  }

  /** Surely in order: it was in use a moment ago. */
  #isSound(entry: Entry<C>): boolean {
    return !entry.connection.closed && !this.#isDoubtful(entry, this.#clock.now());
  }

  /** A request must not be risked on a connection whose other side may be gone: it could not be repeated. */
  async #isAlive(entry: Entry<C>, { signal }: PoolRequest<C>): Promise<boolean> {
    const { connection } = entry;
    if (connection.closed) return false;
    const limit = this.#clock.timeout(millis(this.#settings.checkLimitMs), signal());
    const giveUp = (): void => this.#drop(entry, 'checkFailed');
    limit.signal.addEventListener('abort', giveUp, { once: true });
    const alive = await connection.check();
    limit.signal.removeEventListener('abort', giveUp);
    limit.release();
    if (!alive) giveUp();
    return alive;
  }

  #isDoubtful({ returnedAtMs }: Entry<C>, nowMs: number): boolean {
    return nowMs - returnedAtMs > this.#settings.checkAfterIdleMs;
  }

  #giveBack(entry: Entry<C>, reuse: boolean): void {
    if (entry.state === 'gone') return;
    const reason = reuse ? this.#unfit(entry) : 'notKept';
    if (reason !== undefined) return this.#drop(entry, reason);
    void this.#reset(entry);
    this.#limitReset(entry);
  }

  async #reset(entry: Entry<C>): Promise<void> {
    const { connection } = entry;
    const needed = connection.touched;
    entry.state = 'resetting';
    const clean = await connection.reset();
    const nowMs = this.#clock.now();
    const tookMs = this.#leaveResetting(entry) ? nowMs - entry.returnedAtMs : 0;
    if (entry.state !== 'resetting') return;
    if (needed) this.#observer.onReset(clean ? 'clean' : 'failed', tookMs);
    const reason = clean ? this.#unfit(entry, nowMs) : 'resetFailed';
    if (reason !== undefined) return this.#drop(entry, reason);
    entry.returnedAtMs = nowMs;
    this.#places.putBack(entry);
    this.#changed(nowMs);
  }

  /** False: it was reset before its request was over. */
  #leaveResetting(entry: Entry<C>): boolean {
    const { standing } = entry;
    entry.standing = undefined;
    return standing !== undefined && this.#resetting.remove(standing);
  }

  #limitReset(entry: Entry<C>): void {
    entry.returnedAtMs = this.#clock.now();
    entry.standing = this.#resetting.add(entry);
    this.#watch();
  }

  #unfit(entry: Entry<C>, nowMs = this.#clock.now()): CloseReason | undefined {
    return this.#draining ? 'drained' : this.#places.unfit(entry, nowMs);
  }

  #drop(entry: Entry<C>, reason: CloseReason): void {
    if (entry.state === 'gone') return;
    this.#places.drop(entry, reason);
    this.#changed();
  }

  /** Something may have become free, or there is something new to watch. */
  #changed(nowMs = this.#clock.now()): void {
    this.#places.serve(nowMs);
    this.#watch();
    if (this.#draining === undefined || this.#places.taken > 0) return;
    this.#over.abort();
    this.#draining.end();
  }

  #watch(): void {
    if (this.#sweeping || this.#places.idleCount + this.#resetting.size === 0) return;
    this.#sweeping = true;
    const { sweepIntervalMs } = this.#settings;
    this.#clock.sleep(millis(sweepIntervalMs), this.#over.signal).then(
      () => this.#sweep(),
      () => undefined, // drained
    );
  }

  #sweep(): void {
    this.#sweeping = false;
    const { idleTimeoutMs, resetLimitMs } = this.#settings;
    this.#dropOverdue(this.#places.idle, idleTimeoutMs, 'idle');
    this.#dropOverdue(this.#resetting, resetLimitMs, 'resetTimeout');
    this.#changed();
  }

  /** Those that came back first stand first. */
  #dropOverdue(entries: ArrivalList<Entry<C>>, limitMs: number, reason: CloseReason): void {
    const dueBefore = this.#clock.now() - limitMs;
    for (const entry of entries.toArray()) {
      if (entry.returnedAtMs > dueBefore) return;
      this.#drop(entry, reason);
    }
  }
}

/** Of a key that comes again and again this is the same text, which makes comparing cheap. */
const logins = new WeakMap<PoolKey, string>();

function loginOf(key: PoolKey): string {
  const known = logins.get(key);
  if (known !== undefined) return known;
  const { database, role, credential } = key;
  const login = JSON.stringify([database, role, credential]);
  logins.set(key, login);
  return login;
}
