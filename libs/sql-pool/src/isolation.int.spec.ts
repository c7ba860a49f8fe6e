// The pool, the query connections and a real Postgres: what one request does to its session, the next one on the same
// connection must not find. Mostly on a pool of one connection, so that there is no other.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, afterAll, describe, expect, it } from '@jest/globals';
import { FreshNode } from '@pgwake/connect-core';
import type { GatewayError } from '@pgwake/gateway-errors';
import { type EndpointId, type Generation, parseEndpointId, parseGeneration } from '@pgwake/ids';
import { createComputeNetwork } from '@pgwake/pg-dial';
import { type QueryConnection, type QueryOutcome, createQueryDial } from '@pgwake/pg-query';
import { parseDataRow } from '@pgwake/pg-wire';
import {
  type LeakCheck,
  type PasswordLogin,
  type TestPostgres,
  makePasswordLogin,
  startLeakCheck,
  startTestPostgres,
  waitFor,
} from '@pgwake/testkit';
import { Client } from 'pg';
import { type PoolSettings, type SqlPool, createSqlPool, defaultPoolSettings } from './index.js';
import { createManualClock } from './testing/manual-clock.js';

const clusterName = 'pgwake/demo/1';
const endpoint = parseEndpointId('demo') as EndpointId;
const generation = parseGeneration(1) as Generation;
const network = createComputeNetwork();

let postgres: TestPostgres;
let login: PasswordLogin;
let wrong: PasswordLogin;
let leaks: LeakCheck;
let pool: SqlPool<QueryConnection>;
let clock: ReturnType<typeof createManualClock>;
let closed: string[];

beforeAll(async () => {
  login = await makePasswordLogin('secret');
  wrong = await makePasswordLogin('wrong');
  const { verifier: password } = login;
  postgres = await startTestPostgres({
    roles: [
      { name: 'app', password },
      { name: 'other', password },
      { name: 'boss', password, attributes: 'SUPERUSER' },
    ],
    settings: { cluster_name: clusterName },
  });
  start({});
  await asks(['GRANT other TO app'], { role: 'boss' });
  await asks(['CREATE SEQUENCE numbers', 'CREATE TABLE ledger (id int)']);
  await pool.drain();
});

afterAll(async () => {
  await postgres.stop();
});

beforeEach(() => {
  leaks = startLeakCheck();
  start({ maxPerEndpoint: 1 });
});

afterEach(async () => {
  await pool.drain();
  await leaks.expectNothingLeft();
});

function start(settings: Partial<PoolSettings>): void {
  clock = createManualClock();
  closed = [];
  pool = createSqlPool<QueryConnection>({
    settings,
    clock,
    observer: {
      onServed: () => undefined,
      onRefused: () => undefined,
      onReset: () => undefined,
      onClosed: (reason) => void closed.push(reason),
    },
  });
}

interface As {
  readonly role?: 'app' | 'other' | 'boss';
  readonly password?: PasswordLogin;
  readonly signal?: AbortSignal;
  readonly transaction?: object;
}

interface Answer {
  readonly pid: number;
  readonly outcome: QueryOutcome;
  /** The first column of every row. */
  readonly values: (string | null)[];
}

/** One request of the texts, through the pool. */
async function ask(texts: readonly string[], as: As = {}): Promise<Answer> {
  const { role = 'app', password = login, signal = new AbortController().signal, transaction } = as;
  const values: (string | null)[] = [];
  let pid = 0;
  const sink = {
    onRowDescription: () => undefined,
    onCommandComplete: () => undefined,
    onDataRow(body: Uint8Array) {
      const row = parseDataRow(body);
      const value = row.kind === 'value' ? row.value[0] : undefined;
      values.push(value ? Buffer.from(value).toString() : null);
      return true;
    },
  };
  const key = { endpoint, database: role, role, credential: password === login ? 'right' : 'wrong' };
  const outcome = await pool.use(
    { key, reuse: true, open: () => dial(role, password), abort: signal, signal: () => signal },
    (connection) => {
      pid = connection.pid;
      const statements = texts.map((text) => ({ text, params: [] }));
      return connection.run({ statements, ...(transaction && { transaction }) }, sink, signal);
    },
  );
  return { pid, outcome, values };
}

async function dial(user: string, { keys }: PasswordLogin): Promise<QueryConnection> {
  const { host, port } = postgres;
  const node = new FreshNode({
    endpoint,
    generation,
    address: { kind: 'tcp', host, port },
    identity: { kind: 'clusterName', value: clusterName },
    issuedAtMs: 1,
    signature: undefined,
  });
  const limits = { maxMessageBytes: 1 << 20, cancelLimitMs: 5_000 };
  const mechanism = createQueryDial({ user, database: user, parameters: [], keys }, network, limits);
  const outcome = await mechanism.dialOnce(node, {
    signal: AbortSignal.timeout(10_000),
    onServerByte: () => undefined,
  });
  if (!outcome.ok) throw outcome.failure.error;
  return outcome.connection;
}

async function asks(texts: readonly string[], as: As = {}): Promise<(string | null)[]> {
  const { outcome, values } = await ask(texts, as);
  if (outcome.kind === 'failed') throw outcome.error;
  return values;
}

function failure({ outcome }: Answer): GatewayError | undefined {
  return outcome.kind === 'failed' ? outcome.error : undefined;
}

/** What somebody leaves behind, and how it would be seen: `clean` is what a new session shows. */
interface Trace {
  readonly name: string;
  readonly leave: readonly string[];
  readonly look: string;
  readonly clean: string | null;
  readonly role?: 'app' | 'boss';
}

const traces: readonly Trace[] = [
  { name: 'SET', leave: [`SET work_mem = '7MB'`], look: 'SHOW work_mem', clean: '4MB' },
  {
    name: 'a setting changed by a function',
    leave: [`SELECT set_config('search_path', 'evil', false)`],
    look: 'SHOW search_path',
    clean: '"$user", public',
  },
  {
    name: 'a setting changed behind a SELECT of a view',
    leave: [
      `CREATE OR REPLACE VIEW innocent AS SELECT set_config('TimeZone', 'Asia/Tokyo', false)`,
      'SELECT * FROM innocent',
    ],
    look: `SELECT current_setting('TimeZone') = 'Asia/Tokyo'`,
    clean: 'f',
  },
  {
    name: 'SET SESSION CHARACTERISTICS',
    leave: ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY'],
    look: 'SHOW default_transaction_read_only',
    clean: 'off',
  },
  { name: 'SET ROLE', leave: ['SET ROLE other'], look: 'SELECT current_user', clean: 'app' },
  {
    name: 'SET SESSION AUTHORIZATION',
    leave: ['SET SESSION AUTHORIZATION other'],
    look: 'SELECT session_user',
    clean: 'boss',
    role: 'boss',
  },
  {
    name: 'the value of a setting of its own',
    leave: [`SET my.secret = 'canary'`],
    look: `SELECT coalesce(current_setting('my.secret', true), '')`,
    clean: '',
  },
  {
    name: 'a temporary table',
    leave: ['CREATE TEMP TABLE secret AS SELECT 1'],
    look: `SELECT to_regclass('pg_temp.secret')`,
    clean: null,
  },
  {
    name: 'a temporary function',
    leave: [`CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'`],
    look: `SELECT to_regprocedure('pg_temp.f()')`,
    clean: null,
  },
  {
    name: 'an advisory lock',
    leave: ['SELECT pg_advisory_lock(42)'],
    look: `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`,
    clean: '0',
  },
  {
    name: 'LISTEN',
    leave: ['LISTEN news'],
    look: `SELECT count(*) FROM pg_listening_channels()`,
    clean: '0',
  },
  {
    name: 'a prepared statement',
    leave: ['PREPARE secret AS SELECT 1'],
    look: 'SELECT count(*) FROM pg_prepared_statements',
    clean: '0',
  },
  {
    name: 'a cursor WITH HOLD',
    leave: ['DECLARE secret CURSOR WITH HOLD FOR SELECT 1'],
    look: `SELECT count(*) FROM pg_cursors WHERE name = 'secret'`,
    clean: '0',
  },
  {
    name: 'an open transaction',
    leave: ['BEGIN', 'INSERT INTO ledger VALUES (-1)'],
    look: 'SELECT count(*) FROM ledger WHERE id = -1',
    clean: '0',
  },
  {
    name: 'a savepoint in an open transaction',
    leave: ['BEGIN', 'SAVEPOINT s', 'CREATE TABLE half (id int)'],
    look: `SELECT to_regclass('half')`,
    clean: null,
  },
];

/** LISTEN begins at the commit, so it is not to be seen in the request itself. */
const seenLater = new Set(['LISTEN']);

describe('the next request on the same connection', () => {
  it.each(traces)('does not find $name', async ({ leave, look, clean, role = 'app', name }) => {
    const own = await ask([...leave, look], { role });
    expect(failure(own)).toBeUndefined();
    if (!seenLater.has(name)) expect(own.values.at(-1)).not.toBe(clean);
    const next = await ask([look], { role });
    expect(failure(next)).toBeUndefined();
    expect(next).toMatchObject({ pid: own.pid, values: [clean] });
    expect(closed).toEqual([]);
  });

  it('does not find any of it in any order', async () => {
    const own = traces.filter(({ role }) => role === undefined);
    for (const first of own) {
      for (const second of own) {
        const { outcome } = await ask(first.leave);
        expect([first.name, outcome]).toEqual([first.name, { kind: 'done' }]);
        expect([first.name, second.name, await asks([second.look])]).toEqual([first.name, second.name, [second.clean]]);
      }
    }
    expect(closed.filter((reason) => reason !== 'worn')).toEqual([]);
  });

  it('does not find a failed transaction', async () => {
    const own = await ask(['BEGIN', 'SELECT 1 / 0']);
    expect(failure(own)?.asSent?.code).toBe('22012');
    const batch = await ask(['CREATE TABLE half (id int)', 'SELECT 1 / 0'], { transaction: {} });
    expect(failure(batch)?.asSent?.code).toBe('22012');
    const next = await ask([`SELECT to_regclass('half')`]);
    expect(next).toMatchObject({ pid: own.pid, values: [null] });
  });

  it('does not know the last number of a sequence', async () => {
    const own = await ask([`SELECT nextval('numbers')`, 'SELECT lastval()']);
    expect(own.values).toHaveLength(2);
    const next = await ask(['SELECT lastval()']);
    expect([next.pid, failure(next)?.asSent?.code]).toEqual([own.pid, '55000']);
  });

  it('does not continue the random numbers of another', async () => {
    const seed = 'SELECT setseed(0.5)';
    const [, first, second] = await asks([seed, 'SELECT random()', 'SELECT random()']);
    // The fault: with the seed known, so is what follows.
    expect(await asks([seed, 'SELECT random()'])).toEqual(['', first]);
    const next = await asks(['SELECT random()']);
    expect([first, second]).not.toContain(next[0]);
    expect(await asks(['SELECT random()'])).not.toEqual(next);
  });

  it.each([`SELECT 'dblink_connect'`, `LOAD 'auto_explain'`])('gets another connection after %s', async (text) => {
    const own = await ask([text], { role: 'boss' });
    expect((await ask(['SELECT 1'], { role: 'boss' })).pid).not.toBe(own.pid);
    expect(closed).toEqual(['resetFailed']);
  });

  describe('after a connection that dblink keeps by name', () => {
    const asBoss = { role: 'boss' } as const;
    const connect = () =>
      `SELECT dblink_connect('kept', 'host=${postgres.host} port=${postgres.port} dbname=boss user=boss password=secret')`;
    const kept = 'SELECT dblink_get_connections()';

    beforeEach(async () => {
      await asks(
        [
          'CREATE EXTENSION IF NOT EXISTS dblink',
          `CREATE OR REPLACE FUNCTION keep() RETURNS text LANGUAGE sql AS $$ ${connect()} $$`,
          `CREATE OR REPLACE FUNCTION look() RETURNS text[] LANGUAGE sql AS $$ ${kept} $$`,
        ],
        asBoss,
      );
      closed = [];
    });

    it('gets another connection, where the request that made it said so', async () => {
      const own = await ask([connect(), kept], asBoss);
      expect([failure(own), own.values]).toEqual([undefined, ['OK', '{kept}']]);
      const next = await ask(['SELECT look()'], asBoss);
      expect([failure(next), next.values]).toEqual([undefined, [null]]);
      expect(next.pid).not.toBe(own.pid);
      expect(closed).toEqual(['resetFailed']);
    });

    it('finds it where a function hid it, as ADR 9 says, until the connection is worn', async () => {
      start({ maxPerEndpoint: 1, maxUses: 3 });
      const own = await ask(['SELECT keep()'], asBoss);
      for (let uses = 2; uses <= 3; uses += 1) {
        expect(await ask(['SELECT look()'], asBoss)).toMatchObject({ pid: own.pid, values: ['{kept}'] });
      }
      const next = await ask(['SELECT look()'], asBoss);
      expect([failure(next), next.values]).toEqual([undefined, [null]]);
      expect(closed).toEqual(['worn']);
    });
  });

  describe('after a timeout of 1 ms and many temporary tables', () => {
    const leave = [
      ...Array.from({ length: 30 }, (_, n) => `CREATE TEMP TABLE t${n} AS SELECT generate_series(1, 200)`),
      'SET ROLE other',
      `SET statement_timeout = '1ms'`,
    ];

    it('would be cancelled, or find all of it, if DISCARD ALL were the whole reset', async () => {
      const { host, port } = postgres;
      const client = new Client({ host, port, user: 'app', password: 'secret', database: 'app' });
      await client.connect();
      let hits = 0;
      for (let round = 0; round < 20; round += 1) {
        for (const text of leave) await client.query(text);
        const reset = await client.query('DISCARD ALL').then(
          () => true,
          () => false,
        );
        const next = await client.query('SELECT 1').then(
          () => true,
          () => false,
        );
        if (!reset || !next) hits += 1;
        await client.query(`SET statement_timeout = 0`);
        await client.query('DISCARD ALL');
      }
      await client.end();
      expect(hits).toBeGreaterThan(0);
    });

    it('is neither cancelled nor somebody else', async () => {
      for (let round = 0; round < 60; round += 1) {
        await ask(leave);
        const next = await ask([`SELECT to_regclass('pg_temp.t0') IS NULL`, 'SELECT current_user']);
        expect([failure(next), next.values]).toEqual([undefined, ['t', 'app']]);
      }
    });
  });
});

describe('another login', () => {
  it('has its own connections, though the endpoint has room for one', async () => {
    const pids = new Map<string, Set<number>>();
    for (let round = 0; round < 20; round += 1) {
      for (const role of ['app', 'other'] as const) {
        const { pid, values } = await ask(['SELECT current_user', 'SET ROLE other'], { role });
        expect(values).toEqual([role]);
        pids.set(role, (pids.get(role) ?? new Set()).add(pid));
      }
    }
    const [app, other] = [...pids.values()];
    expect([...(app ?? [])].filter((pid) => other?.has(pid))).toEqual([]);
    expect(new Set(closed)).toEqual(new Set(['replaced']));
  });

  it('with the wrong password is refused while a right one is idle beside it', async () => {
    start({ maxPerEndpoint: 2 });
    await asks(['SELECT 1']);
    await expect(ask(['SELECT 1'], { password: wrong })).rejects.toMatchObject({ code: 'COMPUTE_REJECTED_LOGIN' });
    expect(pool.stats()).toMatchObject({ open: 1, idle: 1 });
  });
});

describe('a connection that is lost', () => {
  const terminate = (pid: number) => asks([`SELECT pg_terminate_backend(${pid})`], { role: 'boss' });

  beforeEach(() => start({ maxPerEndpoint: 10 }));

  it('while idle leaves at once, and nobody notices', async () => {
    const { pid } = await ask(['SELECT 1']);
    await terminate(pid);
    await waitFor(() => closed.includes('lost'), 5_000);
    const next = await ask(['SELECT 1']);
    expect(failure(next)).toBeUndefined();
    expect(next.pid).not.toBe(pid);
  });

  it('under a request leaves its outcome unknown', async () => {
    const running = ask(['SELECT pg_sleep(60)']);
    const asleep = `SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'`;
    await waitFor(async () => (await asks([asleep], { role: 'boss' })).length === 1, 5_000);
    const [pid] = await asks([asleep], { role: 'boss' });
    await terminate(Number(pid));
    expect(failure(await running)?.code).toBe('COMPUTE_LOST_IN_QUERY');
  });

  it('never makes a request happen twice, nor one that was answered not at all', async () => {
    const done: number[] = [];
    const failed: number[] = [];
    const unknown: number[] = [];
    let terminated = 0;
    let id = 0;
    const client = async (): Promise<void> => {
      while (id < 400) {
        const mine = (id += 1);
        // A login that is terminated has sent nothing of the request.
        const code = await ask([`INSERT INTO ledger VALUES (${mine})`]).then(
          (answer) => failure(answer)?.code,
          (error: GatewayError) => error.code,
        );
        (code === undefined ? done : code === 'COMPUTE_LOST_IN_QUERY' ? unknown : failed).push(mine);
      }
    };
    const killer = async (): Promise<void> => {
      const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app' ORDER BY random() LIMIT 1`;
      while (id < 400) {
        terminated += (await asks([kill], { role: 'boss' })).length;
        await nextTurn();
      }
    };
    await Promise.all([client(), client(), client(), client(), killer()]);
    expect(terminated).toBeGreaterThan(10);
    const counts = await asks([`SELECT id || ':' || count(*) FROM ledger WHERE id > 0 GROUP BY id`]);
    const found = new Map(counts.map((text) => (text ?? '').split(':').map(Number) as [number, number]));
    expect([...found.values()].every((count) => count === 1)).toBe(true);
    expect(done.filter((each) => !found.has(each))).toEqual([]);
    expect(failed.filter((each) => found.has(each))).toEqual([]);
    expect(done.length + failed.length + unknown.length).toBe(id);
  });
});

describe('an idle connection', () => {
  it('is nothing that keeps a compute awake: from its reset to its end it says nothing', async () => {
    start({ maxPerEndpoint: 10 });
    const { pid } = await ask(['SELECT 1']);
    const watch = `SELECT state || state_change FROM pg_stat_activity WHERE pid = ${pid}`;
    await waitFor(() => pool.stats().idle === 1, 5_000);
    const before = await asks([watch], { role: 'boss' });
    expect(before[0]).toMatch(/^idle/);
    const left = defaultPoolSettings.idleTimeoutMs - 2_000;
    for (let passed = 0; passed < left; passed += 1_000) {
      await clock.advance(1_000, () => nextTurn());
      expect(await asks([watch], { role: 'boss' })).toEqual(before);
    }
    await clock.advance(4_000, () => nextTurn());
    expect(closed).toContain('idle');
    await waitFor(async () => (await asks([watch], { role: 'boss' })).length === 0, 5_000);
  });
});
