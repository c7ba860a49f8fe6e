// A pool with connections that do what a test says, and a record of who had which. It watches what must never happen:
// a connection in two hands or in the wrong ones, and more of them than allowed.

import { type EndpointId, type Generation, parseEndpointId, parseGeneration } from '@pgwake/ids';
import { type PoolSettings, type PooledConnection, type SqlPool, createSqlPool } from '../index.js';
import { createManualClock } from './manual-clock.js';

export class FakeConnection implements PooledConnection {
  touched = false;
  closed = false;
  lostUnsent = false;
  /** Requests that have it now. */
  users = 0;
  /** The answer of the reset under way. */
  answerReset: ((clean: boolean) => void) | undefined;
  answerCheck: ((alive: boolean) => void) | undefined;
  resets = 0;
  readonly #listeners: (() => void)[] = [];

  constructor(
    readonly generation: Generation,
    readonly login: string,
    readonly autoReset: boolean,
  ) {}

  reset(): Promise<boolean> {
    if (!this.touched) return Promise.resolve(!this.closed);
    this.resets += 1;
    return new Promise((resolve) => {
      this.answerReset = (clean) => resolve(this.#finishReset(clean && !this.closed));
      this.resetIfDone();
    });
  }

  /** A reset ends behind the request, unless the test has it in hand. */
  resetIfDone(): void {
    if (this.autoReset && this.users === 0) this.answerReset?.(true);
  }

  check(): Promise<boolean> {
    return new Promise((resolve) => {
      this.answerCheck = (alive) => resolve(alive && !this.closed);
    });
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const listener of this.#listeners) listener();
    this.answerReset?.(false);
    this.answerCheck?.(false);
  }

  onClosed(listener: () => void): void {
    if (this.closed) listener();
    else this.#listeners.push(listener);
  }

  #finishReset(clean: boolean): boolean {
    this.answerReset = undefined;
    if (clean) this.touched = false;
    return clean;
  }
}

export type Answer = 'sent' | 'notSent';

export interface Ask {
  readonly endpoint?: string;
  readonly login?: string;
  readonly reuse?: boolean;
}

/** One request on its way. */
export interface Asked {
  readonly endpoint: string;
  /** When it had a place: the order in which places were given. */
  place: number | undefined;
  connection: FakeConnection | undefined;
  /** How often the work was begun. */
  begun: number;
  end: 'pending' | Answer | Error;
  /** It has its connection: it is over. */
  finish(answer?: Answer): void;
  /** It waits for one to be opened. */
  answerOpen(outcome?: Error): void;
  readonly opening: boolean;
  leave(): void;
}

export interface PoolLabOptions {
  readonly settings?: Partial<PoolSettings>;
  /** `false`: opens and resets wait for the test. */
  readonly auto?: boolean;
}

export class PoolLab {
  readonly clock = createManualClock();
  readonly events: string[] = [];
  readonly connections: FakeConnection[] = [];
  readonly pool: SqlPool<FakeConnection>;
  generation = 1;
  readonly #auto: boolean;
  #places = 0;

  constructor(
    { settings = {}, auto = true }: PoolLabOptions,
    private readonly settle: () => Promise<void>,
  ) {
    this.#auto = auto;
    this.pool = createSqlPool<FakeConnection>({
      settings,
      clock: this.clock,
      observer: {
        onServed: (how) => void this.events.push(how),
        onRefused: (why) => void this.events.push(why),
        onReset: (outcome) => void this.events.push(`reset ${outcome}`),
        onClosed: (reason) => void this.events.push(`closed: ${reason}`),
      },
    });
  }

  /** A request that sends something as soon as it has a connection; `silent` ones send nothing. */
  ask({ endpoint = 'demo', login = 'app', reuse = true }: Ask = {}, manner: 'sending' | 'silent' = 'sending'): Asked {
    const controller = new AbortController();
    let answerOpen: ((outcome?: Error) => void) | undefined;
    let finish: ((answer: Answer) => void) | undefined;
    const asked: Asked = {
      endpoint,
      place: undefined,
      connection: undefined,
      begun: 0,
      end: 'pending',
      get opening() {
        return answerOpen !== undefined;
      },
      answerOpen(outcome) {
        answerOpen?.(outcome);
        answerOpen = undefined;
      },
      finish: (answer = 'sent') => finish?.(answer),
      leave: () => controller.abort(new Error('left')),
    };
    const [role = '', database = 'db', credential = 'c'] = login.split('/');
    const whole = `${endpoint} ${login}`;
    const open = async (): Promise<FakeConnection> => {
      asked.place ??= this.#places += 1;
      if (!this.#auto) {
        await new Promise<void>((resolve, reject) => {
          answerOpen = (outcome) => (outcome === undefined ? resolve() : reject(outcome));
        });
      }
      const connection = new FakeConnection(parseGeneration(this.generation) as Generation, whole, this.#auto);
      this.connections.push(connection);
      return connection;
    };
    const work = async (connection: FakeConnection): Promise<Answer> => {
      asked.place ??= this.#places += 1;
      asked.begun += 1;
      asked.connection = connection;
      connection.users += 1;
      this.#expectFitting(connection, whole);
      if (manner === 'sending' && !connection.closed) connection.touched = true;
      const answer = await new Promise<Answer>((resolve) => (finish = resolve));
      finish = undefined;
      connection.users -= 1;
      asked.connection = undefined;
      connection.resetIfDone();
      return answer;
    };
    const key = { endpoint: parseEndpointId(endpoint) as EndpointId, database, role, credential };
    const { signal } = controller;
    this.pool.use({ key, reuse, open, abort: signal, signal: () => signal }, work).then(
      (end) => (asked.end = end),
      (error: unknown) => (asked.end = error as Error),
    );
    return asked;
  }

  /** A request from begin to end. */
  async asks(ask: Ask = {}): Promise<FakeConnection> {
    const asked = this.ask(ask);
    await this.settle();
    const { connection } = asked;
    if (connection === undefined) throw new Error('it has no connection');
    asked.finish();
    await this.settle();
    return connection;
  }

  async advance(byMs: number): Promise<void> {
    await this.clock.advance(byMs, this.settle);
  }

  open(endpoint?: string): FakeConnection[] {
    return this.connections.filter(
      ({ closed, login }) => !closed && (endpoint === undefined || login.startsWith(`${endpoint} `)),
    );
  }

  #expectFitting(connection: FakeConnection, login: string): void {
    const wrong = [
      connection.users > 1 && 'it is in two hands',
      connection.login !== login && 'it belongs to another login',
      connection.touched && 'it was not reset',
      connection.answerReset !== undefined && 'it is being reset',
    ].filter((problem) => problem !== false);
    if (wrong.length > 0) this.events.push(`WRONG: ${wrong.join(', ')}`);
  }
}
