// What only a real Postgres can tell: what it answers to our messages, what a reset leaves, what a cancel hits.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { GatewayError } from '@pgwake/gateway-errors';
import { type PasswordLogin, type TestPostgres, makePasswordLogin, startTestPostgres, waitFor } from '@pgwake/testkit';
import type { QueryConnection, QueryConnectionSettings, QueryRequest } from './index.js';
import { ask, askCleanly, collect, statement } from './testing/asking.js';
import { clusterName, dialQuery } from './testing/dialling.js';

let postgres: TestPostgres;
let login: PasswordLogin;
let connection: QueryConnection;
let connections: QueryConnection[] = [];

beforeAll(async () => {
  login = await makePasswordLogin('secret');
  const { verifier: password } = login;
  postgres = await startTestPostgres({
    roles: [
      { name: 'app', password, attributes: 'CREATEROLE' },
      { name: 'boss', password, attributes: 'SUPERUSER' },
    ],
    settings: { cluster_name: clusterName },
  });
  const setUp = await open('boss');
  await askCleanly(setUp, 'CREATE ROLE other');
  await askCleanly(setUp, 'GRANT other TO app');
});

afterAll(async () => {
  await postgres.stop();
});

beforeEach(async () => {
  connection = await open('app');
});

afterEach(() => {
  for (const each of connections) each.close();
  connections = [];
});

async function open(user: 'app' | 'boss', settings: Partial<QueryConnectionSettings> = {}): Promise<QueryConnection> {
  const { host, port } = postgres;
  const opened = await dialQuery({ kind: 'tcp', host, port }, { user, keys: login.keys }, settings);
  connections.push(opened);
  return opened;
}

/** A session is in pg_sleep. */
async function untilAsleep(): Promise<void> {
  const watcher = await open('boss');
  const asleep = `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'`;
  await waitFor(async () => (await askCleanly(watcher, asleep))[0]?.[0] === '1', 5_000);
}

async function failureOf(request: QueryRequest | string): Promise<GatewayError & { statement: number | undefined }> {
  const { outcome } = await ask(connection, request);
  if (outcome.kind !== 'failed') throw new Error('it did not fail');
  return Object.assign(outcome.error, { statement: outcome.statement });
}

describe('a request', () => {
  it('gives rows as text, described before and tagged behind', async () => {
    const sink = collect();
    const request = statement('SELECT $1::int + 1 AS n, $2::text AS t, $3::text AS nothing', '41', 'ä\u{1f418}', null);
    expect(await connection.run(request, sink, new AbortController().signal)).toEqual({ kind: 'done' });
    expect(sink).toMatchObject({ rows: [['42', 'ä\u{1f418}', null]], tags: ['SELECT 1'], descriptions: 1 });
  });

  it('needs no rows, and no statement', async () => {
    expect(await ask(connection, 'CREATE TEMP TABLE t ()')).toMatchObject({ rows: [], tags: ['CREATE TABLE'] });
    await connection.reset();
    expect(await ask(connection, ' ;')).toMatchObject({ outcome: { kind: 'done' }, tags: [''] });
  });

  it('takes values of a megabyte and rows by the thousand', async () => {
    const value = 'x'.repeat(1_000_000);
    const rows = await askCleanly(connection, statement('SELECT $1, n FROM generate_series(1, 3) n', value));
    expect(rows).toEqual([1, 2, 3].map((n) => [value, `${n}`]));
    const many = await askCleanly(connection, 'SELECT repeat(n::text, n % 50) FROM generate_series(1, 20000) n');
    expect(many.map(([text]) => text)).toEqual(
      Array.from({ length: 20_000 }, (_, i) => `${i + 1}`.repeat((i + 1) % 50)),
    );
  });

  it('is told of its failure in all of the words of Postgres', async () => {
    await askCleanly(connection, 'CREATE TABLE thing (id int CONSTRAINT positive CHECK (id > 0))');
    const check = await failureOf('INSERT INTO thing VALUES (-1)');
    expect(check).toMatchObject({ code: 'QUERY_FAILED', statement: 0 });
    expect(check.asSent).toMatchObject({
      severity: 'ERROR',
      code: '23514',
      schema: 'public',
      table: 'thing',
      constraint: 'positive',
      detail: 'Failing row contains (-1).',
      file: 'execMain.c',
      routine: 'ExecConstraints',
    });
    await connection.reset();
    expect((await failureOf('SELECT nonsense')).asSent).toMatchObject({ code: '42703', position: '8' });
    await connection.reset();
    const inside = await failureOf(`DO $$ BEGIN EXECUTE 'SELECT nonsense'; END $$`);
    expect(inside.asSent).toMatchObject({ internalPosition: '8', internalQuery: 'SELECT nonsense' });
    expect(inside.asSent?.where).toContain('PL/pgSQL');
  });

  it.each(['SELECT 1; SELECT 2', 'SELECT $1'])('may hold no more than the protocol lets it: %s', async (text) => {
    expect((await failureOf(text)).code).toBe('QUERY_FAILED');
  });

  it('that the protocol cannot carry is refused before a byte of it goes out', async () => {
    expect(await failureOf('SELECT \0')).toMatchObject({ code: 'REQUEST_INVALID' });
    const params = new Array<null>(70_000).fill(null);
    expect(await failureOf({ statements: [{ text: 'SELECT 1', params }] })).toMatchObject({ code: 'REQUEST_INVALID' });
    expect(connection.touched).toBe(false);
  });

  it.each(['COPY (SELECT 1) TO STDOUT', 'COPY thing FROM STDIN'])(
    'cannot copy to or from the client, and that ends the connection: %s',
    async (text) => {
      await askCleanly(connection, 'CREATE TABLE IF NOT EXISTS thing (id int)');
      const error = await failureOf(text);
      expect([error.code, error.asSent?.code]).toEqual(['QUERY_FAILED', '0A000']);
      expect(connection.closed).toBe(true);
    },
  );

  it('cannot turn the results into another encoding', async () => {
    expect((await failureOf('SET client_encoding = latin1')).asSent?.code).toBe('0A000');
    expect(connection.closed).toBe(true);
  });

  it('hears of nobody else when the session listens', async () => {
    const request = { statements: [statement('LISTEN news'), statement('NOTIFY news')].flatMap((r) => r.statements) };
    expect((await ask(connection, request)).tags).toEqual(['LISTEN', 'NOTIFY']);
    expect(await connection.reset()).toBe(true);
  });

  it('is not retried, and its outcome unknown, when the session is ended under it', async () => {
    const error = await failureOf('SELECT pg_terminate_backend(pg_backend_pid())');
    expect(error).toMatchObject({ code: 'COMPUTE_LOST_IN_QUERY', statement: undefined });
    expect(error.detail).toContain('57P01');
    expect(connection.closed).toBe(true);
  });

  it('of which nothing was sent is not in doubt', async () => {
    connection.close();
    expect(await ask(connection, 'SELECT 1')).toMatchObject({ outcome: { error: { code: 'COMPUTE_LOST' } } });
    expect(connection.touched).toBe(false);
  });

  it('that is lost before it went out is not in doubt, and never was at the compute', async () => {
    const answer = ask(connection, 'CREATE ROLE never_made');
    const clean = connection.reset();
    // In the same turn of the event loop, at the end of which it would go out.
    connection.close();
    expect(await answer).toMatchObject({ outcome: { error: { code: 'COMPUTE_LOST' } } });
    expect([await clean, connection.lostUnsent]).toEqual([false, true]);
    const watcher = await open('boss');
    const gone = statement('SELECT count(*) FROM pg_stat_activity WHERE pid = $1', `${connection.pid}`);
    await waitFor(async () => (await askCleanly(watcher, gone))[0]?.[0] === '0', 5_000);
    expect(await askCleanly(watcher, `SELECT 1 FROM pg_roles WHERE rolname = 'never_made'`)).toEqual([]);
  });

  it('that is lost once it went out is in doubt', async () => {
    const answer = ask(connection, 'SELECT pg_sleep(60)');
    await untilAsleep();
    connection.close();
    expect(await answer).toMatchObject({ outcome: { error: { code: 'COMPUTE_LOST_IN_QUERY' } } });
    expect(connection.lostUnsent).toBe(false);
    const watcher = await open('boss');
    await askCleanly(watcher, statement('SELECT pg_terminate_backend($1)', `${connection.pid}`));
  });

  it('has a limit for one row, before memory is taken for it', async () => {
    const narrow = await open('app', { maxMessageBytes: 10_000 });
    const { outcome } = await ask(narrow, `SELECT repeat('x', 20000)`);
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'RESULT_TOO_LARGE' } });
    expect(narrow.closed).toBe(true);
  });

  it('waits for a sink that takes no more', async () => {
    let taken = 0;
    let resume = () => undefined;
    const paused = new Promise<void>((resolve) => {
      resume = () => void resolve();
    });
    const sink = { ...collect(), onDataRow: () => ((taken += 1), resume(), false) };
    const request = statement('SELECT repeat($1, 1000) FROM generate_series(1, 50000)', 'x');
    const ended = connection.run(request, sink, new AbortController().signal);
    await paused;
    const watcher = await open('boss');
    // Postgres waits to be read from: nothing but our pause can hold it up.
    const waiting = `SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'ClientWrite'`;
    await waitFor(
      async () => (await askCleanly(watcher, statement(waiting, `${connection.pid}`)))[0]?.[0] === '1',
      10_000,
    );
    expect(taken).toBeLessThan(50_000);
    const keepReading = setInterval(() => connection.resume(), 0);
    expect(await ended).toEqual({ kind: 'done' });
    clearInterval(keepReading);
    expect(taken).toBe(50_000);
  });
});

describe('a batch', () => {
  const transaction = {};
  const batch = (...texts: string[]): QueryRequest => ({
    statements: texts.map((text) => ({ text, params: [] })),
    transaction,
  });

  it('is one transaction, of which only the statements are seen', async () => {
    const { outcome, rows, tags } = await ask(
      connection,
      batch(
        'SELECT pg_current_xact_id_if_assigned()',
        'CREATE TABLE b (id int)',
        'INSERT INTO b VALUES (1)',
        'SELECT * FROM b',
      ),
    );
    expect(outcome).toEqual({ kind: 'done' });
    expect(rows).toEqual([[null], ['1']]);
    expect(tags).toEqual(['SELECT 1', 'CREATE TABLE', 'INSERT 0 1', 'SELECT 1']);
  });

  it('takes nothing when one of it fails, and says which', async () => {
    const failure = await failureOf(batch('CREATE TABLE gone (id int)', 'SELECT 1 / 0', 'SELECT 1'));
    expect(failure).toMatchObject({ code: 'QUERY_FAILED', statement: 1 });
    expect(await connection.reset()).toBe(true);
    expect(await askCleanly(connection, `SELECT to_regclass('gone')`)).toEqual([[null]]);
  });

  it('that fails at its commit blames no statement', async () => {
    const deferred = 'CREATE TEMP TABLE d (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)';
    const failure = await failureOf(batch(deferred, 'INSERT INTO d VALUES (1), (1)'));
    expect(failure.asSent?.code).toBe('23505');
    expect(failure.statement).toBeUndefined();
  });

  it.each([
    [{ isolationLevel: 'serializable', readOnly: true, deferrable: true }, ['serializable', 'on', 'on']],
    [{ isolationLevel: 'repeatable read', readOnly: false, deferrable: false }, ['repeatable read', 'off', 'off']],
    [{}, ['read committed', 'off', 'off']],
  ] as const)('runs with the modes %j, which do not stay', async (modes, expected) => {
    const names = ['transaction_isolation', 'transaction_read_only', 'transaction_deferrable'];
    const show = { ...batch(...names.map((name) => `SHOW ${name}`)), transaction: modes };
    expect((await ask(connection, show)).rows.flat()).toEqual(expected);
    expect(await connection.reset()).toBe(true);
    expect((await ask(connection, batch('SHOW transaction_isolation'))).rows).toEqual([['read committed']]);
  });

  it('without a transaction around it is taken back as a whole too', async () => {
    const { transaction: none, ...implicit } = batch('CREATE TABLE half (id int)', 'SELECT 1 / 0');
    expect(none).toBeDefined();
    expect(await failureOf(implicit)).toMatchObject({ statement: 1 });
    expect(await connection.reset()).toBe(true);
    expect(await askCleanly(connection, `SELECT to_regclass('half')`)).toEqual([[null]]);
  });
});

describe('a cancelled request', () => {
  it('ends soon, and leaves a session that can be used again', async () => {
    const reason = new AbortController();
    const answer = ask(connection, 'SELECT pg_sleep(60)', reason.signal);
    await untilAsleep();
    reason.abort();
    expect(await answer).toMatchObject({ outcome: { kind: 'failed', error: { code: 'CLIENT_GONE' } } });
    expect(connection.closed).toBe(false);
    expect(await connection.reset()).toBe(true);
    expect(await askCleanly(connection, 'SELECT 1')).toEqual([['1']]);
  });

  it('never hits the request of whoever is next, at whatever moment it comes', async () => {
    let cancelled = 0;
    for (let round = 0; round < 200; round += 1) {
      if (connection.closed) connection = await open('app');
      const reason = new AbortController();
      const answer = ask(connection, `SELECT count(*) FROM generate_series(1, ${round * 50})`, reason.signal);
      const clean = connection.reset();
      setImmediate(() => reason.abort());
      if ((await answer).outcome.kind === 'failed') cancelled += 1;
      if (!(await clean)) {
        connection.close();
        continue;
      }
      expect((await ask(connection, 'SELECT 1')).outcome).toEqual({ kind: 'done' });
      expect(await connection.reset()).toBe(true);
    }
    expect(cancelled).toBeGreaterThan(20);
  });

  it('ends even if its sink takes no more', async () => {
    const reason = new AbortController();
    const paused = { ...collect(), onDataRow: () => (setImmediate(() => reason.abort()), false) };
    const request = statement('SELECT repeat($1, 1000) FROM generate_series(1, 50000)', 'x');
    const outcome = await connection.run(request, paused, reason.signal);
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'CLIENT_GONE' } });
    expect(await connection.reset()).toBe(true);
  });

  it('is ended with its connection when it cannot be cancelled', async () => {
    const stubborn = await open('app', { cancelLimitMs: 100 });
    const reason = new AbortController();
    // Catches every cancel.
    const text = `DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(1); EXCEPTION WHEN query_canceled THEN END; END LOOP; END $$`;
    const answer = ask(stubborn, text, reason.signal);
    await untilAsleep();
    reason.abort();
    expect((await answer).outcome).toMatchObject({ error: { code: 'CLIENT_GONE' } });
    expect(stubborn.closed).toBe(true);
  });
});

describe('a reset', () => {
  it('costs nothing when nothing was sent', async () => {
    expect(await connection.reset()).toBe(true);
  });

  it('is asked for once per request, and none runs without it', async () => {
    await ask(connection, 'SELECT 1');
    await expect(ask(connection, 'SELECT 1')).rejects.toThrow('one request at a time');
  });

  it.each(['BEGIN', '/* hidden */ START TRANSACTION', 'BEGIN; '])('rolls back what %s has opened', async (text) => {
    await ask(connection, text);
    expect(await connection.reset()).toBe(true);
    // No active transaction.
    expect((await failureOf('SAVEPOINT s')).asSent?.code).toBe('25P01');
  });

  it('refuses a session that has loaded a library, or may keep connections elsewhere', async () => {
    const boss = await open('boss');
    await ask(boss, `LOAD 'auto_explain'`);
    expect(await boss.reset()).toBe(false);
    await ask(connection, `SELECT 'dblink'`);
    expect(await connection.reset()).toBe(false);
  });
});
