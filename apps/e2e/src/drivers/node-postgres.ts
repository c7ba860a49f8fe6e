// The stories in node-postgres, with its packages for cursors and COPY.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import { copyOutOfNothing, createCopied, hashOf, hashOfCopied, makeCopyLines } from './copy-lines.js';
import { type Driver, type Stage, type Telling, cannotTell } from './stories.js';
import { untilWaiting } from './watch-queries.js';

function configOf({ connection, tls }: Stage, more: pg.ClientConfig = {}): pg.ClientConfig {
  return { ...connection, ...(tls && { ssl: { ca: tls.ca, servername: tls.hostName } }), ...more };
}

async function connect(stage: Stage, more?: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(configOf(stage, more));
  client.on('error', () => undefined); // the promises say it too
  await client.connect();
  return client;
}

/** A story told with one client. */
function withClient(tell: (client: pg.Client, stage: Stage) => Promise<void>, more?: pg.ClientConfig): Telling {
  return async (stage) => {
    const client = await connect(stage, more);
    try {
      await tell(client, stage);
    } finally {
      await client.end();
    }
  };
}

async function valueOf(client: pg.Client, sql: string, values: unknown[] = []): Promise<unknown> {
  const { rows } = await client.query<unknown[]>({ text: sql, values, rowMode: 'array' });
  return rows[0]?.[0];
}

const wakes = withClient(async (client) => assert.equal(await valueOf(client, 'select 40 + $1', [2]), 42));

async function namesEndpoint(stage: Stage): Promise<void> {
  const { endpoint, password } = stage.endpoint;
  const options = `endpoint=${endpoint}`;
  const reaches = withClient(async (client) => {
    assert.match(String(await valueOf(client, 'show cluster_name')), new RegExp(`^pgwake/${endpoint}/`));
  });
  await reaches({ ...stage, connection: { ...stage.connection, options } });
  if (stage.tls === undefined) return;
  await reaches(stage);
  const elsewhere = { ...stage, tls: { ...stage.tls, hostName: 'localhost' } };
  await reaches({ ...elsewhere, connection: { ...stage.connection, options } });
  await reaches({ ...elsewhere, connection: { ...stage.connection, password: `endpoint=${endpoint};${password}` } });
}

async function isRefused(stage: Stage): Promise<void> {
  await assert.rejects(connect(stage, { password: 'wrong' }), {
    code: '28P01',
    message: 'password authentication failed for user "app"',
  });
  await assert.rejects(connect(stage, { database: 'nowhere' }), {
    code: '3D000',
    message: 'database "nowhere" does not exist',
  });
}

async function setsParameters(stage: Stage): Promise<void> {
  const options = `${stage.connection.options} -c statement_timeout=54321 -c search_path="a\\ b"`;
  const client = await connect(stage, { options, application_name: 'a story' });
  try {
    assert.equal(await valueOf(client, 'show statement_timeout'), '54321ms');
    assert.equal(await valueOf(client, 'show search_path'), '"a b"');
    assert.equal(await valueOf(client, 'show application_name'), 'a story');
  } finally {
    await client.end();
  }
}

const queries = withClient(async (client) => {
  const results = (await client.query('select 1 as a; select 2 as b, 3 as c; select 4 where false')) as unknown;
  const rows = (results as pg.QueryResult[]).map((result) => result.rows as unknown[]);
  assert.deepEqual(rows, [[{ a: 1 }], [{ b: 2, c: 3 }], []]);
  assert.equal((await client.query('')).rowCount, null);
});

const prepares = withClient(async (client) => {
  for (let n = 1; n <= 20; n += 1) {
    const { rows } = await client.query({ name: 'doubled', text: 'select $1::int * 2 as twice', values: [n] });
    assert.deepEqual(rows, [{ twice: 2 * n }]);
  }
  assert.equal(await valueOf(client, 'select count(*)::int from pg_prepared_statements'), 1);
});

const types = withClient(async (client) => {
  const values: readonly (readonly [type: string, value: unknown])[] = [
    ['int', -2_147_483_648],
    ['bigint', '9223372036854775807'],
    ['numeric', '12345678901234567890.000000001'],
    ['float8', 0.1],
    ['boolean', true],
    ['text', 'Zażółć gęślą jaźń 🐘 \\ \' "'],
    ['bytea', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
    ['jsonb', { deep: [{ er: null }] }],
    ['int[]', [1, 2, null]],
    ['timestamptz', new Date('2024-02-29T12:34:56.789Z')],
    ['uuid', '11111111-2222-3333-4444-555555555555'],
    ['text', null],
  ];
  for (const [type, value] of values) assert.deepEqual(await valueOf(client, `select $1::${type}`, [value]), value);
});

const transacts = withClient(async (client) => {
  await client.query('create temp table kept (n int)');
  await client.query('begin; insert into kept values (1)');
  await client.query('commit');
  await client.query('begin');
  await client.query('insert into kept values ($1)', [2]);
  await client.query('rollback');
  await client.query('begin');
  await assert.rejects(client.query('select 1 / 0'), { code: '22012' });
  await assert.rejects(client.query('select 1'), { code: '25P02' });
  assert.equal((await client.query('commit')).command, 'ROLLBACK');
  assert.deepEqual((await client.query('select n from kept')).rows, [{ n: 1 }]);
});

const readsErrors = withClient(async (client) => {
  await client.query('create temp table only_once (n int constraint just_one unique)');
  await client.query('insert into only_once values (1)');
  await assert.rejects(client.query('insert into only_once values ($1)', [1]), {
    severity: 'ERROR',
    code: '23505',
    message: 'duplicate key value violates unique constraint "just_one"',
    detail: 'Key (n)=(1) already exists.',
    table: 'only_once',
    constraint: 'just_one',
  });
  await assert.rejects(client.query('select frm nowhere'), { code: '42703', position: '8' });
  assert.equal(await valueOf(client, 'select 1'), 1);
});

const hearsNotices = withClient(async (client) => {
  const heard: unknown[] = [];
  client.on('notice', ({ severity, message, hint }) => heard.push([severity, message, hint]));
  await client.query("do $$ begin raise notice 'first'; raise warning 'second' using hint = 'a hint'; end $$");
  assert.deepEqual(heard, [
    ['NOTICE', 'first', undefined],
    ['WARNING', 'second', 'a hint'],
  ]);
});

const copiesIn = withClient(async (client) => {
  const lines = makeCopyLines();
  await client.query(createCopied);
  await pipeline(Readable.from([lines], { objectMode: false }), client.query(copyFrom('copy copied from stdin')));
  assert.equal(await valueOf(client, hashOfCopied), hashOf(lines));
});

const copiesOut = withClient(async (client) => {
  const lines = await buffer(client.query(copyTo(copyOutOfNothing)));
  assert.equal(hashOf(lines), hashOf(makeCopyLines()));
});

const carriesLargeRows = withClient(async (client) => {
  const large = 'x'.repeat(8_000_000);
  assert.equal(await valueOf(client, "select repeat('x', 8000000)"), large);
  assert.equal(await valueOf(client, 'select md5($1)', [large]), hashOf(large));
});

const fetches = withClient(async (client) => {
  const cursor = client.query(new Cursor<{ n: number }>('select n from generate_series(1, 2500) n'));
  const portions: number[] = [];
  for (;;) {
    const rows = await cursor.read(1_000);
    if (rows.length === 0) break;
    portions.push(rows.length);
  }
  await cursor.close();
  assert.deepEqual(portions, [1_000, 1_000, 500]);
});

const pipelines = withClient(
  async (client) => {
    const answers = await Promise.allSettled(
      Array.from({ length: 300 }, (_, n) => valueOf(client, 'select $1::int + 0 / (100 - $1::int)', [n])),
    );
    answers.forEach((answer, n) => {
      if (n === 100) assert.equal(answer.status, 'rejected');
      else assert.deepEqual(answer, { status: 'fulfilled', value: n });
    });
  },
  { pipeline: true },
);

const listens = withClient(async (listener, stage) => {
  await listener.query('listen news');
  const heard = once(listener, 'notification');
  const payload = 'n'.repeat(7_000);
  await withClient((speaker) => speaker.query('select pg_notify($1, $2)', ['news', payload]).then(() => undefined))(
    stage,
  );
  const [message] = (await heard) as [pg.Notification];
  assert.deepEqual([message.channel, message.payload], ['news', payload]);
});

const cancels = withClient(async (client, stage) => {
  const bystander = await connect(stage);
  await client.query('select pg_advisory_lock(1)');
  const query = new pg.Query("select 'the victim', pg_sleep(60)");
  const failed = once(client.query(query), 'error');
  const untouched = bystander.query("select 'a bystander' as who, pg_advisory_lock(1)");
  await untilWaiting(stage, 'the victim', 'a bystander');
  const canceller = new pg.Client(configOf(stage)) as pg.Client & { cancel(of: pg.Client, what: pg.Query): void };
  canceller.cancel(client, query);
  assert.equal(((await failed)[0] as { code?: string }).code, '57014');
  assert.equal(await valueOf(client, 'select pg_advisory_unlock(1)'), true);
  assert.deepEqual((await untouched).rows, [{ who: 'a bystander', pg_advisory_lock: '' }]);
  await bystander.end();
});

const terminates = withClient(async (client, stage) => {
  const { processID: pid } = client as pg.Client & { processID: number };
  assert.equal(await valueOf(client, 'select pg_backend_pid()'), pid);
  const told = once(client, 'error');
  await withClient(async (other) => {
    assert.equal(await valueOf(other, 'select pg_terminate_backend($1)', [pid]), true);
  })(stage);
  assert.equal(((await told)[0] as { code?: string }).code, '57P01');
});

const replicates = withClient(
  async (client) => {
    const { rows } = await client.query<{ dbname: string }>('IDENTIFY_SYSTEM');
    assert.equal(rows[0]?.dbname, 'app');
  },
  { replication: 'database' } as pg.ClientConfig,
);

export const nodePostgres: Driver = {
  name: 'node-postgres',
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
