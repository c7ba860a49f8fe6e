// The stories in postgres.js, which pipelines and prepares by itself.

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import postgres from 'postgres';
import { copyOutOfNothing, createCopied, hashOf, hashOfCopied, makeCopyLines } from './copy-lines.js';
import { type Driver, type Stage, type Telling, cannotTell } from './stories.js';
import { untilWaiting } from './watch-queries.js';

interface Opening extends Partial<Pick<postgres.Options<never>, 'fetch_types' | 'onnotice'>> {
  readonly password?: string;
  readonly database?: string;
  /** Startup parameters; the driver's own type for them leaves `options` out. */
  readonly connection?: Readonly<Record<string, string>>;
}

function open({ connection: { user, options, ...server }, tls }: Stage, opening: Opening = {}): postgres.Sql {
  const { connection = {}, ...more } = opening;
  return postgres({
    ...server,
    username: user,
    ssl: tls ? { ca: tls.ca, servername: tls.hostName } : false,
    connection: { ...(options && { options }), ...connection } as Partial<postgres.ConnectionParameters>,
    max: 1,
    onnotice: () => undefined,
    ...more,
  });
}

/** A story told with one connection. */
function withSql(tell: (sql: postgres.Sql, stage: Stage) => Promise<void>, opening?: Opening): Telling {
  return async (stage) => {
    const sql = open(stage, opening);
    try {
      await tell(sql, stage);
    } finally {
      await sql.end({ timeout: 5 });
    }
  };
}

/** A plain array of plain rows, to be compared. */
async function rowsOf(query: PromiseLike<Iterable<object>>): Promise<object[]> {
  return Array.from(await query, (row) => ({ ...row }));
}

const wakes = withSql(async (sql) => {
  assert.deepEqual(await rowsOf(sql`select 40 + ${2} as answer`), [{ answer: 42 }]);
});

async function namesEndpoint(stage: Stage): Promise<void> {
  const { endpoint, password } = stage.endpoint;
  const options = `endpoint=${endpoint}`;
  const reaches = (at: Stage, opening?: Opening) =>
    withSql(async (sql) => {
      const [row] = await sql<{ cluster_name: string }[]>`show cluster_name`;
      assert.match(row?.cluster_name ?? '', new RegExp(`^pgwake/${endpoint}/`));
    }, opening)(at);
  await reaches(stage, { connection: { options } });
  if (stage.tls === undefined) return;
  await reaches(stage);
  const elsewhere = { ...stage, tls: { ...stage.tls, hostName: 'localhost' } };
  await reaches(elsewhere, { connection: { options } });
  await reaches(elsewhere, { password: `endpoint=${endpoint};${password}` });
}

async function isRefused(stage: Stage): Promise<void> {
  const asks = (opening: Opening) => withSql(async (sql) => void (await sql`select 1`), opening);
  await assert.rejects(asks({ password: 'wrong' })(stage), {
    code: '28P01',
    message: 'password authentication failed for user "app"',
  });
  await assert.rejects(asks({ database: 'nowhere' })(stage), {
    code: '3D000',
    message: 'database "nowhere" does not exist',
  });
}

async function setsParameters(stage: Stage): Promise<void> {
  const options = `${stage.connection.options} -c statement_timeout=54321 -c search_path="a\\ b"`;
  await withSql(
    async (sql) => {
      assert.deepEqual(await rowsOf(sql`show statement_timeout`), [{ statement_timeout: '54321ms' }]);
      assert.deepEqual(await rowsOf(sql`show search_path`), [{ search_path: '"a b"' }]);
      assert.deepEqual(await rowsOf(sql`show application_name`), [{ application_name: 'a story' }]);
      await sql`set application_name = 'another one'`;
      assert.equal(sql.parameters.application_name, 'another one');
    },
    { connection: { options, application_name: 'a story' } },
  )(stage);
}

const queries = withSql(async (sql) => {
  const results = await sql.unsafe('select 1 as a; select 2 as b, 3 as c; select 4 where false').simple();
  assert.deepEqual(
    results.map((rows: Iterable<object>) => Array.from(rows, (row) => ({ ...row }))),
    [[{ a: 1 }], [{ b: 2, c: 3 }], []],
  );
});

const prepares = withSql(async (sql) => {
  for (let n = 1; n <= 20; n += 1) {
    assert.deepEqual(await rowsOf(sql`select ${n}::int * 2 as twice`), [{ twice: 2 * n }]);
  }
  const doubled = await sql<{ n: number }[]>`
    select count(*)::int as n from pg_prepared_statements where statement like '%twice%' and generic_plans + custom_plans = 20`;
  assert.equal(doubled[0]?.n, 1);
});

const types = withSql(async (sql) => {
  const values: readonly (readonly [type: string, value: unknown])[] = [
    ['int', -2_147_483_648],
    ['bigint', '9223372036854775807'],
    ['numeric', '12345678901234567890.000000001'],
    ['float8', 0.1],
    ['boolean', true],
    ['text', 'Zażółć gęślą jaźń 🐘 \\ \' "'],
    ['bytea', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
    ['jsonb', { deep: [{ er: null }] }],
    ['timestamptz', new Date('2024-02-29T12:34:56.789Z')],
    ['uuid', '11111111-2222-3333-4444-555555555555'],
    ['text', null],
  ];
  for (const [type, value] of values) {
    assert.deepEqual(await rowsOf(sql`select ${value as string}::${sql.unsafe(type)} as value`), [{ value }]);
  }
});

const transacts = withSql(async (sql) => {
  await sql`create temp table kept (n int)`;
  await sql.begin((tx) => tx`insert into kept values (1)`);
  const ended = sql.begin(async (tx) => {
    await tx`insert into kept values (2)`;
    await assert.rejects(
      tx.savepoint((inner) => inner`select 1 / 0`),
      { code: '22012' },
    );
    await assert.rejects(tx`select 1 / 0`, { code: '22012' });
    await assert.rejects(tx`select 1`, { code: '25P02' });
    throw new Error('no more');
  });
  await assert.rejects(ended, { message: 'no more' });
  assert.deepEqual(await rowsOf(sql`select n from kept`), [{ n: 1 }]);
});

const readsErrors = withSql(async (sql) => {
  await sql`create temp table only_once (n int constraint just_one unique)`;
  await sql`insert into only_once values (1)`;
  await assert.rejects(sql`insert into only_once values (${1})`, {
    severity: 'ERROR',
    code: '23505',
    message: 'duplicate key value violates unique constraint "just_one"',
    detail: 'Key (n)=(1) already exists.',
    table_name: 'only_once',
    constraint_name: 'just_one',
  });
  await assert.rejects(sql`select frm nowhere`, { code: '42703', position: '8' });
});

async function hearsNotices(stage: Stage): Promise<void> {
  const heard: unknown[] = [];
  const raise = withSql(
    async (sql) => {
      await sql`do $$ begin raise notice 'first'; raise warning 'second' using hint = 'a hint'; end $$`;
    },
    { onnotice: ({ severity, message, hint }) => heard.push([severity, message, hint]) },
  );
  await raise(stage);
  assert.deepEqual(heard, [
    ['NOTICE', 'first', undefined],
    ['WARNING', 'second', 'a hint'],
  ]);
}

const copiesIn = withSql(async (sql) => {
  const lines = makeCopyLines();
  await sql.unsafe(createCopied).simple();
  await pipeline(Readable.from([lines], { objectMode: false }), await sql`copy copied from stdin`.writable());
  const [row] = await sql.unsafe<{ hash: string }[]>(hashOfCopied);
  assert.equal(row?.hash, hashOf(lines));
});

const copiesOut = withSql(async (sql) => {
  const lines = await buffer(await sql.unsafe(copyOutOfNothing).readable());
  assert.equal(hashOf(lines), hashOf(makeCopyLines()));
});

const carriesLargeRows = withSql(async (sql) => {
  const large = 'x'.repeat(8_000_000);
  assert.deepEqual(await rowsOf(sql`select repeat('x', 8000000) as large`), [{ large }]);
  assert.deepEqual(await rowsOf(sql`select md5(${large}) as hash`), [{ hash: hashOf(large) }]);
});

const fetches = withSql(async (sql) => {
  const portions: number[] = [];
  for await (const rows of sql`select n from generate_series(1, 2500) n`.cursor(1_000)) portions.push(rows.length);
  assert.deepEqual(portions, [1_000, 1_000, 500]);
});

const pipelines = withSql(async (sql) => {
  const answers = await Promise.allSettled(
    Array.from({ length: 300 }, (_, n) => rowsOf(sql`select ${n}::int + 0 / (100 - ${n}::int) as n`)),
  );
  answers.forEach((answer, n) => {
    if (n === 100) assert.equal(answer.status, 'rejected');
    else assert.deepEqual(answer, { status: 'fulfilled', value: [{ n }] });
  });
});

const listens = withSql(async (sql, stage) => {
  let hear: (payload: string) => void = () => undefined;
  const heard = new Promise<string>((resolve) => (hear = resolve));
  await sql.listen('news', hear);
  const payload = 'n'.repeat(7_000);
  await withSql(async (speaker) => void (await speaker.notify('news', payload)))(stage);
  assert.equal(await heard, payload);
});

const cancels = withSql(async (sql, stage) => {
  const bystander = open(stage);
  await sql`select pg_advisory_lock(1)`;
  const query = sql`select 'the victim', pg_sleep(60)`.execute();
  const failed = assert.rejects(query, { code: '57014' });
  const untouched = rowsOf(bystander`select 'a bystander' as who, pg_advisory_lock(1)`);
  await untilWaiting(stage, 'the victim', 'a bystander');
  query.cancel();
  await failed;
  assert.deepEqual(await rowsOf(sql`select pg_advisory_unlock(1) as done`), [{ done: true }]);
  assert.deepEqual(await untouched, [{ who: 'a bystander', pg_advisory_lock: '' }]);
  await bystander.end();
});

const terminates = withSql(async (sql, stage) => {
  const doomed = sql`select 'the doomed', pg_sleep(60)`.execute();
  // It reads why (57P01), but tells it only with the ReadyForQuery that never comes.
  const told = assert.rejects(doomed, { code: 'CONNECTION_CLOSED' });
  await untilWaiting(stage, 'the doomed');
  const { pid } = (doomed as unknown as { state: { pid: number } }).state;
  await withSql(async (other) => {
    assert.deepEqual(await rowsOf(other`select pg_terminate_backend(${pid}) as done`), [{ done: true }]);
  })(stage);
  await told;
});

const replicates = withSql(
  async (sql) => {
    const [system] = await sql.unsafe<{ dbname: string }[]>('IDENTIFY_SYSTEM').simple();
    assert.equal(system?.dbname, 'app');
  },
  { fetch_types: false, connection: { replication: 'database' } }, // it would fetch them by a prepared statement
);

export const postgresJs: Driver = {
  name: 'postgres.js',
  findMissing: () => undefined,
  stories: {
    wakes,
    namesEndpoint,
    isRefused,
    setsParameters,
    queries,
    prepares,
    types,
    transacts,
    readsErrors,
    hearsNotices,
    copiesIn,
    copiesOut,
    carriesLargeRows,
    fetches,
    pipelines,
    listens,
    callsFunctions: cannotTell('it speaks no function calls'),
    cancels,
    terminates,
    replicates,
  },
};
