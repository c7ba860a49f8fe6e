// The public serverless driver against the running system, in the versions that are in use: what it sends and expects is
// the contract of SQL over HTTP.

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import * as driver1 from '@neondatabase/serverless';
import { System, type TestEndpoint } from '@pgwake/testkit';
import { sql as drizzleSql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/neon-http';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { Kysely, sql as kyselySql } from 'kysely';
import { NeonDialect } from 'kysely-neon';
import * as driver010 from 'serverless-0-10';
import * as driver09 from 'serverless-0-9';
import { countRepeats } from './count-repeats.js';

const limitMs = 120_000;
let system: System;
let endpoint: TestEndpoint;
let url: string;

beforeAll(async () => {
  system = await System.start({ tcpProxies: [], httpProxies: [{}] });
  endpoint = await system.createEndpoint('shop');
  url = system.connectionString(endpoint);
  for (const { neonConfig } of [driver1, driver010, driver09]) neonConfig.fetchEndpoint = `${system.httpUrl()}/sql`;
}, limitMs);
afterAll(() => system?.stop(), limitMs);

describe('neon() of driver 1.2', () => {
  it('wakes the compute and runs a template', async () => {
    const sql = driver1.neon(url);
    expect(await sql`select ${'good'} || ' morning' as said, ${41} + 1 as n`).toEqual([
      { said: 'good morning', n: 42 },
    ]);
    expect(await system.show('shop')).toMatchObject({ state: 'running', generation: 1 });
  });

  it('gets every type back as it sent it', async () => {
    const sql = driver1.neon(url);
    const when = new Date('2026-01-02T03:04:05.678Z');
    const [row] = await sql`select ${true}::bool as yes, ${1.5}::float8 as number, ${9007199254740993n}::int8 as big,
      ${[1, 2, null]}::int[] as list, ${['a"b', 'c\\d', '{e}', '', 'NULL', null]}::text[] as words,
      ${{ a: [1, { b: null }] }}::jsonb as doc, ${when}::timestamptz as moment, ${null}::text as nothing,
      ${Buffer.from([0, 255])}::bytea as bytes, ${'üñí 😀\n"\\'} as words2, '1.10'::numeric as exact`;
    expect(row).toEqual({
      yes: true,
      number: 1.5,
      big: '9007199254740993',
      list: [1, 2, null],
      words: ['a"b', 'c\\d', '{e}', '', 'NULL', null],
      doc: { a: [1, { b: null }] },
      moment: when,
      nothing: null,
      bytes: Buffer.from([0, 255]),
      words2: 'üñí 😀\n"\\',
      exact: '1.10',
    });
  });

  it('says the same in the head of each request, which is not parsed again', async () => {
    const sql = driver1.neon(url);
    const before = await countRepeats(system);
    for (let n = 1; n <= 20; n += 1)
      expect(await sql.query('select $1::text as t', ['x'.repeat(n * 97)])).toHaveLength(1);
    // What is known is forgotten once a second, and a new connection begins anew.
    expect((await countRepeats(system)) - before).toBeGreaterThanOrEqual(10);
  });

  it('gives arrays, full results and no members of ours', async () => {
    const sql = driver1.neon(url, { arrayMode: true, fullResults: true });
    const result = await sql`select 1 as a, 2 as a`;
    expect(result.rows).toEqual([[1, 2]]);
    expect(
      Object.keys(result)
        .filter((key) => !key.startsWith('_'))
        .sort(),
    ).toEqual(['command', 'fields', 'rowAsArray', 'rowCount', 'rows', 'viaNeonFetch']);
    expect(result.fields[0]).toStrictEqual({
      name: 'a',
      dataTypeID: 23,
      tableID: 0,
      columnID: 0,
      dataTypeSize: 4,
      dataTypeModifier: -1,
      format: 'text',
    });
    expect(await sql.query('create table if not exists made (id int primary key)')).toMatchObject({
      command: 'CREATE',
      rowCount: null,
      rows: [],
      fields: [],
    });
  });

  it('runs a transaction with all its options, and takes it back when a statement fails', async () => {
    const sql = driver1.neon(url);
    await sql`create table paid (amount int check (amount > 0))`;
    await sql.transaction([sql`insert into paid values (1)`, sql`insert into paid values (2)`]);
    await expect(
      sql.transaction([sql`insert into paid values (3)`, sql`insert into paid values (-1)`, sql`select 1`]),
    ).rejects.toMatchObject({ code: '23514', constraint: 'paid_amount_check' });
    expect(await sql`select sum(amount)::int as total from paid`).toEqual([{ total: 3 }]);

    const [[modes] = []] = await sql.transaction(
      [
        sql`select current_setting('transaction_isolation') as level, current_setting('transaction_read_only') as only,
          current_setting('transaction_deferrable') as deferrable`,
      ],
      { isolationLevel: 'Serializable', readOnly: true, deferrable: true },
    );
    expect(modes).toEqual({ level: 'serializable', only: 'on', deferrable: 'on' });
    await expect(sql.transaction([sql`insert into paid values (9)`], { readOnly: true })).rejects.toMatchObject({
      code: '25006',
    });
    expect(await sql.transaction([])).toEqual([]);
  });

  it('says everything that Postgres says about an error', async () => {
    const sql = driver1.neon(url);
    const error: unknown = await sql.query('select nothing_like_it from pg_class').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(driver1.NeonDbError);
    expect(error).toMatchObject({
      name: 'NeonDbError',
      message: 'column "nothing_like_it" does not exist',
      severity: 'ERROR',
      code: '42703',
      position: '8',
      file: 'parse_relation.c',
      routine: 'errorMissingColumn',
      detail: undefined,
    });
    await expect(sql.query('select $1', [])).rejects.toThrow('bind message supplies 0 parameters');
    await expect(sql.query('select 1; select 2')).rejects.toMatchObject({ code: '42601' });
  });

  it('reads a code from every other error too', async () => {
    const failure = (connectionString: string) =>
      driver1.neon(connectionString)`select 1`.catch((caught: unknown) => caught);
    const wrong = { severity: 'FATAL', code: '28P01', message: 'password authentication failed for user "app"' };
    expect(await failure(url.replace(endpoint.password, 'wrong'))).toMatchObject(wrong);
    expect(await failure(url.replace('shop.', 'nowhere.'))).toMatchObject(wrong);
    expect(await failure(url.replace('app:', 'nobody:'))).toMatchObject({ code: '28P01' });
    expect(await failure(url.replace(/\/app$/, '/nowhere'))).toMatchObject({ code: '3D000' });
    expect(await failure(url.replace('shop.localhost', 'localhost'))).toMatchObject({ code: '08004' });
    const options = url.replace('shop.localhost', 'localhost').concat('?options=endpoint%3Dshop');
    expect(await driver1.neon(options)`select 1 as n`).toEqual([{ n: 1 }]);
  });

  it(
    'can be told to stop, and the query stops',
    async () => {
      const stop = new AbortController();
      const sql = driver1.neon(url, { fetchOptions: { signal: stop.signal } });
      const marked = sql`select pg_sleep(600) as marked`.catch((caught: unknown) => caught);
      const other = driver1.neon(url);
      const running = async () => {
        const [row] = await other`select count(*)::int as n from pg_stat_activity where query like '%as marked%' and
        pid <> pg_backend_pid() and state = 'active'`;
        return row?.['n'] as number;
      };
      while ((await running()) === 0);
      stop.abort();
      expect(await marked).toBeInstanceOf(Error);
      while ((await running()) > 0);
    },
    limitMs,
  );

  it(
    'carries ten megabytes each way',
    async () => {
      const sql = driver1.neon(url);
      const [row] = await sql`select length(${'x'.repeat(10_000_000)}) as sent, repeat('y', 10000000) as got`;
      expect(row?.['sent']).toBe(10_000_000);
      expect((row?.['got'] as string).length).toBe(10_000_000);
      await expect(sql`select ${'x'.repeat(10_500_000)}`).rejects.toMatchObject({ code: '54000' });
      await expect(sql`select repeat('y', 10500000)`).rejects.toMatchObject({ code: '54000' });
      await expect(sql`select repeat('y', 1000) from generate_series(1, 25000000)`).rejects.toMatchObject({
        code: '54000',
        message: 'the result is larger than 10485760 bytes',
      });
      expect(await sql`select 1 as n`).toEqual([{ n: 1 }]);
    },
    limitMs,
  );
});

/** In these versions a client is called with a text or as a template; the types of two packages do not meet. */
type EarlierClient = ((text: string, params?: unknown[]) => Promise<unknown[]>) &
  ((strings: TemplateStringsArray, ...params: unknown[]) => Promise<unknown[]>) & {
    transaction(queries: readonly Promise<unknown[]>[]): Promise<unknown[][]>;
  };

type EarlierNeon = (url: string) => EarlierClient;

const whoServes = 'select pg_backend_pid() as pid';

describe.each([
  ['0.10', driver010.neon as unknown as EarlierNeon],
  ['0.9', driver09.neon as unknown as EarlierNeon],
])('neon() of driver %s', (_, neon) => {
  it('queries, in its own way of calling', async () => {
    const sql = neon(url);
    expect(await sql('select $1::int as n', [7])).toEqual([{ n: 7 }]);
    expect(await sql`select ${'a'} as t`).toEqual([{ t: 'a' }]);
    expect(await sql.transaction([sql`select 1 as n`, sql`select 2 as n`])).toEqual([[{ n: 1 }], [{ n: 2 }]]);
    await expect(sql('select nope')).rejects.toMatchObject({ code: '42703' });
  });
});

describe.each([
  ['1.2', driver1.neonConfig, () => driver1.neon(url).query(whoServes)],
  ['0.10', driver010.neonConfig, () => (driver010.neon as unknown as EarlierNeon)(url)(whoServes)],
  ['0.9', driver09.neonConfig, () => (driver09.neon as unknown as EarlierNeon)(url)(whoServes)],
] as [string, { fetchFunction: unknown }, () => Promise<unknown>][])('driver %s', (_, config, ask) => {
  afterEach(() => {
    config.fetchFunction = undefined;
  });

  const countServers = async (): Promise<number> => {
    const rows = new Set<string>();
    for (let round = 0; round < 20; round += 1) rows.add(JSON.stringify(await ask()));
    return rows.size;
  };

  /** All that its versions before 0.9 did about pooling was this header. */
  const withOptIn = (value: string) => (target: string, init: RequestInit) =>
    fetch(target, { ...init, headers: { ...(init.headers as Record<string, string>), 'Neon-Pool-Opt-In': value } });

  it('is served by the pool without a word, or with the word of its earlier versions', async () => {
    // Another one where a request comes before the reset behind the last is done.
    expect(await countServers()).toBeLessThan(5);
    config.fetchFunction = withOptIn('true');
    expect(await countServers()).toBeLessThan(5);
  });

  it('may have each query served by a connection of its own', async () => {
    config.fetchFunction = withOptIn('false');
    expect(await countServers()).toBe(20);
  });

  it('is told in its own words that it said something else', async () => {
    config.fetchFunction = withOptIn('yes');
    await expect(ask()).rejects.toMatchObject({ name: 'NeonDbError', code: '08P01' });
  });
});

describe('adapters', () => {
  it('drizzle reads, writes and batches', async () => {
    const db = drizzle(driver1.neon(url));
    const goods = pgTable('goods', { id: integer('id').primaryKey(), name: text('name') });
    await db.execute(drizzleSql`create table goods (id int primary key, name text)`);
    expect(
      await db
        .insert(goods)
        .values([{ id: 1, name: 'tea' }])
        .returning(),
    ).toEqual([{ id: 1, name: 'tea' }]);
    const [all, none] = await db.batch([
      db.select().from(goods),
      db
        .select()
        .from(goods)
        .where(drizzleSql`false`),
    ]);
    expect([all, none]).toEqual([[{ id: 1, name: 'tea' }], []]);
  });

  it('kysely reads and writes', async () => {
    interface Tables {
      readonly tools: { readonly id: number; readonly name: string };
    }
    const db = new Kysely<Tables>({ dialect: new NeonDialect({ neon: driver1.neon(url) }) });
    await kyselySql`create table tools (id int primary key, name text)`.execute(db);
    const { numInsertedOrUpdatedRows } = await db.insertInto('tools').values({ id: 1, name: 'saw' }).executeTakeFirst();
    expect(numInsertedOrUpdatedRows).toBe(1n);
    expect(await db.selectFrom('tools').selectAll().execute()).toEqual([{ id: 1, name: 'saw' }]);
  });
});
