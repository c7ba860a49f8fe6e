// Who gets which connection, and who has to go for it. It counts and decides, at once and in memory only; it opens,
// resets and waits for nothing.
//
// A place is the right to have one connection open. Requests are served in the order in which they came, over all
// endpoints: one that waits never sees a later one overtake it to what it could have used itself.

import { ArrivalList, type Standing } from '@pgwake/arrival-list';
import type { EndpointId } from '@pgwake/ids';
import type { CloseReason, PoolObserver, PooledConnection } from './ports.js';
import type { PoolSettings } from './settings.js';

/** What tells connections apart that must never be mixed up. The pool compares, it does not look inside. */
export interface PoolKey {
  readonly endpoint: EndpointId;
  readonly database: string;
  readonly role: string;
  /** What the request has proven, such as a digest of its keys: another password is another login. Never the password. */
  readonly credential: string;
}

export interface Entry<C extends PooledConnection> {
  readonly room: Room<C>;
  readonly login: string;
  readonly connection: C;
  readonly openedAtMs: number;
  uses: number;
  /** When it became idle last, or when the request ended whose reset is under way. */
  returnedAtMs: number;
  state: 'busy' | 'resetting' | 'idle' | 'gone';
  /** Among the idle ones of all endpoints, or among those that are being reset. */
  standing: Standing<Entry<C>> | undefined;
}

/** `idle`: this connection. `opening`: the right to open one. */
export type Place<C extends PooledConnection> =
  { readonly kind: 'idle'; readonly entry: Entry<C> } | { readonly kind: 'opening'; readonly room: Room<C> };

export interface Wish {
  readonly login: string;
  /** Whether a connection that is there already will do. */
  readonly reuse: boolean;
}

export interface Waiter<C extends PooledConnection> extends Wish {
  readonly answer: (place: Place<C>) => void;
  readonly refuse: (error: unknown) => void;
  /** Set while it waits: which one it is over all endpoints, and where it stands in its room. */
  arrival: number;
  standing: Standing<Waiter<C>> | undefined;
}

/** All that the pool has of one endpoint. */
export interface Room<C extends PooledConnection> {
  readonly endpoint: EndpointId;
  /** Places taken. */
  taken: number;
  /** The one returned last stands last. */
  readonly idle: Entry<C>[];
  /** In order of arrival. */
  readonly waiters: ArrivalList<Waiter<C>>;
  /** Among those in which somebody waits. */
  crowded: Standing<Room<C>> | undefined;
  /** Connections to older generations are not used any more. */
  oldestUsable: number;
}

type Limits = Pick<PoolSettings, 'maxPerEndpoint' | 'maxOpen' | 'maxAgeMs' | 'maxUses'>;

export class Places<C extends PooledConnection> {
  readonly #limits: Limits;
  readonly #observer: Pick<PoolObserver, 'onClosed'>;
  readonly #rooms = new Map<EndpointId, Room<C>>();
  readonly #crowded = new ArrivalList<Room<C>>();
  /** Of all endpoints, the coldest first. */
  readonly #idle = new ArrivalList<Entry<C>>();
  #taken = 0;
  #arrivals = 0;

  constructor(limits: Limits, observer: Pick<PoolObserver, 'onClosed'>) {
    this.#limits = limits;
    this.#observer = observer;
  }

  get taken(): number {
    return this.#taken;
  }

  /** The coldest first. */
  get idle(): ArrivalList<Entry<C>> {
    return this.#idle;
  }

  get idleCount(): number {
    return this.#idle.size;
  }

  get waitingCount(): number {
    let count = 0;
    for (const room of this.#crowded.toArray()) count += room.waiters.size;
    return count;
  }

  /** Known from when something is in it. */
  room(endpoint: EndpointId): Room<C> {
    const known = this.#rooms.get(endpoint);
    if (known !== undefined) return known;
    return { endpoint, taken: 0, idle: [], waiters: new ArrivalList(), crowded: undefined, oldestUsable: 0 };
  }

  /**
   * A place at once, if one is free or can be made free. As long as somebody waits there is none for anybody: what can be
   * freed for one wish can be freed for any, and it goes to who waits longest.
   */
  find(room: Room<C>, { login, reuse }: Wish, nowMs: number): Place<C> | undefined {
    const entry = reuse ? this.hottest(room, login, nowMs) : undefined;
    if (entry !== undefined) {
      this.take(entry);
      return { kind: 'idle', entry };
    }
    if (room.taken >= this.#limits.maxPerEndpoint && !this.#makeRoom(room.idle[0], 'replaced')) return undefined;
    if (this.#taken >= this.#limits.maxOpen && !this.#makeRoom(this.#coldest(), 'evicted')) return undefined;
    room.taken += 1;
    this.#taken += 1;
    this.#rooms.set(room.endpoint, room);
    return { kind: 'opening', room };
  }

  wait(room: Room<C>, waiter: Waiter<C>): void {
    this.#rooms.set(room.endpoint, room);
    room.crowded ??= this.#crowded.add(room);
    waiter.arrival = this.#arrivals += 1;
    waiter.standing = room.waiters.add(waiter);
  }

  stopWaiting(room: Room<C>, waiter: Waiter<C>): void {
    if (waiter.standing !== undefined) room.waiters.remove(waiter.standing);
    if (room.waiters.size === 0 && room.crowded !== undefined) {
      this.#crowded.remove(room.crowded);
      room.crowded = undefined;
    }
    this.#forgetIfEmpty(room);
  }

  /** An `opening` place has become a connection. Those to generations before its own are over. */
  opened(room: Room<C>, login: string, connection: C, nowMs: number): Entry<C> {
    const entry: Entry<C> = {
      room,
      login,
      connection,
      openedAtMs: nowMs,
      uses: 0,
      returnedAtMs: nowMs,
      state: 'busy',
      standing: undefined,
    };
    this.endGenerationsBefore(room.endpoint, connection.generation);
    return entry;
  }

  /** An `opening` place has come to nothing. */
  notOpened(room: Room<C>): void {
    this.#free(room);
  }

  /** The idle connection that was returned last. Those that may not serve any more are closed on the way. */
  hottest(room: Room<C>, login: string, nowMs: number): Entry<C> | undefined {
    for (let at = room.idle.length - 1; at >= 0; at -= 1) {
      const entry = room.idle[at];
      if (entry === undefined || entry.login !== login) continue;
      const reason = this.unfit(entry, nowMs);
      if (reason === undefined) return entry;
      this.drop(entry, reason);
    }
    return undefined;
  }

  /** An idle connection is somebody's. */
  take(entry: Entry<C>): void {
    this.#takeOut(entry);
    entry.state = 'busy';
  }

  /** The connection may be given to the next one. */
  putBack(entry: Entry<C>): void {
    entry.state = 'idle';
    entry.room.idle.push(entry);
    entry.standing = this.#idle.add(entry);
  }

  /** Closes the connection, or takes note that it is. Its place is free. To be called once. */
  drop(entry: Entry<C>, reason: CloseReason): void {
    if (entry.state === 'idle') this.#takeOut(entry);
    entry.state = 'gone';
    this.#free(entry.room);
    entry.connection.close();
    this.#observer.onClosed(reason);
  }

  /** Of an endpoint of which nothing is open there is nothing to end. */
  endGenerationsBefore(endpoint: EndpointId, generation: number): void {
    const room = this.#rooms.get(endpoint);
    if (room === undefined) return;
    room.oldestUsable = Math.max(room.oldestUsable, generation);
    const over = room.idle.filter(({ connection }) => connection.generation < room.oldestUsable);
    for (const entry of over) this.drop(entry, 'generationOver');
  }

  /** Why it may not serve another request; `undefined` if it may. */
  unfit({ connection, room, openedAtMs, uses }: Entry<C>, nowMs: number): CloseReason | undefined {
    if (connection.generation < room.oldestUsable) return 'generationOver';
    if (nowMs - openedAtMs >= this.#limits.maxAgeMs) return 'aged';
    return uses >= this.#limits.maxUses ? 'worn' : undefined;
  }

  /** Gives what is free to those who wait, longest first. To be called after every change that may have freed something. */
  serve(nowMs: number): void {
    let blocked: Set<Room<C>> | undefined;
    while (this.#crowded.size > (blocked?.size ?? 0)) {
      const room = this.#longestWaiting(blocked);
      const waiter = room?.waiters.first;
      if (room === undefined || waiter === undefined) return;
      const place = this.find(room, waiter, nowMs);
      if (place === undefined) {
        blocked ??= new Set();
        blocked.add(room);
      } else {
        this.stopWaiting(room, waiter);
        waiter.answer(place);
      }
    }
  }

  refuseAll(error: unknown): void {
    for (const room of this.#crowded.toArray()) for (const waiter of room.waiters.toArray()) waiter.refuse(error);
  }

  /** The room of whoever waits longest, of those that are not blocked. */
  #longestWaiting(blocked: ReadonlySet<Room<C>> | undefined): Room<C> | undefined {
    let found: Room<C> | undefined;
    let arrival = Infinity;
    for (let at = this.#crowded.firstStanding; at !== undefined; at = at.after) {
      const room = at.item;
      const first = room.waiters.first?.arrival ?? Infinity;
      if (first >= arrival || blocked?.has(room) === true) continue;
      found = room;
      arrival = first;
    }
    return found;
  }

  #coldest(): Entry<C> | undefined {
    return this.#idle.first;
  }

  #makeRoom(entry: Entry<C> | undefined, reason: CloseReason): boolean {
    if (entry === undefined) return false;
    this.drop(entry, reason);
    return true;
  }

  #takeOut(entry: Entry<C>): void {
    const { idle } = entry.room;
    if (entry.standing !== undefined) this.#idle.remove(entry.standing);
    entry.standing = undefined;
    if (idle.at(-1) === entry) idle.pop();
    else idle.splice(idle.indexOf(entry), 1);
  }

  #free(room: Room<C>): void {
    room.taken -= 1;
    this.#taken -= 1;
    this.#forgetIfEmpty(room);
  }

  #forgetIfEmpty(room: Room<C>): void {
    if (room.taken === 0 && room.waiters.size === 0) this.#rooms.delete(room.endpoint);
  }
}
