// The stories in psql, which stands for libpq: statements in, text out.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '@pgwake/testkit';
import { copyOutOfNothing, createCopied, hashOf, hashOfCopied, makeCopyLines } from './copy-lines.js';
import { type Finished, type Running, libpqEnvironment, runProgram, startProgram, works } from './programs.js';
import { type Driver, type Stage, cannotTell } from './stories.js';
import { untilWaiting } from './watch-queries.js';

// No start-up file, no column names, errors end it.
const quiet = ['-XqAt', '-v', 'ON_ERROR_STOP=1'];
const limitMs = 10_000;

/** What psql says to a script. Rejects with its complaint when it fails. */
async function ask(stage: Stage, input: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  return (await runProgram('psql', quiet, { env: { ...libpqEnvironment(stage), ...env }, input })).stdout;
}

function start(stage: Stage, ...args: readonly string[]): Running {
  return startProgram('psql', [...quiet, ...args], libpqEnvironment(stage));
}

function withDirectory(tell: (stage: Stage, directory: string) => Promise<void>) {
  return async (stage: Stage): Promise<void> => {
    const directory = mkdtempSync(join(tmpdir(), 'pgwake-psql-'));
    try {
      await tell(stage, directory);
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
}

async function wakes(stage: Stage): Promise<void> {
  assert.equal(await ask(stage, 'select 40 + 2'), '42\n');
}

async function namesEndpoint(stage: Stage): Promise<void> {
  const { endpoint, password } = stage.endpoint;
  const reaches = async (env: NodeJS.ProcessEnv) => {
    assert.match(await ask(stage, 'show cluster_name', env), new RegExp(`^pgwake/${endpoint}/`));
  };
  await reaches({ PGOPTIONS: `endpoint=${endpoint}` });
  if (stage.tls === undefined) return;
  await reaches({});
  await reaches({ PGHOST: 'localhost', PGOPTIONS: `endpoint=${endpoint}` });
  await reaches({ PGHOST: 'localhost', PGPASSWORD: `endpoint=${endpoint};${password}` });
  await reaches({ PGSSLMODE: 'require', PGSSLROOTCERT: '/nowhere' });
}

async function isRefused(stage: Stage): Promise<void> {
  const badPassword = /FATAL: {2}password authentication failed for user "app"/;
  await assert.rejects(ask(stage, '', { PGPASSWORD: 'wrong' }), badPassword);
  await assert.rejects(ask(stage, '', { PGDATABASE: 'nowhere' }), /FATAL: {2}database "nowhere" does not exist/);
}

async function setsParameters(stage: Stage): Promise<void> {
  const PGOPTIONS = `${stage.connection.options} -c statement_timeout=54321 -c search_path="a\\ b"`;
  const said = await ask(
    stage,
    `show statement_timeout; show search_path; show application_name; show timezone; show client_encoding;
     set client_encoding = latin1;
     \\encoding`,
    { PGOPTIONS, PGAPPNAME: 'a story', PGTZ: 'Asia/Tokyo', PGCLIENTENCODING: 'UTF8' },
  );
  assert.deepEqual(said.split('\n'), ['54321ms', '"a b"', 'a story', 'Asia/Tokyo', 'UTF8', 'LATIN1', '']);
}

async function queries(stage: Stage): Promise<void> {
  const { finished, end } = start(stage, '-c', 'select 1; select 2, 3; select 4 where false');
  end();
  assert.equal((await finished).stdout, '1\n2|3\n');
}

async function prepares(stage: Stage): Promise<void> {
  const runs = Array.from({ length: 20 }, (_, n) => `execute doubled (${n});`).join('\n');
  const said = await ask(stage, `prepare doubled as select $1::int * 2;\n${runs}`);
  assert.equal(said, Array.from({ length: 20 }, (_, n) => `${2 * n}\n`).join(''));
}

async function types(stage: Stage): Promise<void> {
  const text = 'Zażółć gęślą jaźń 🐘 \\';
  const said = await ask(
    stage,
    `\\pset null (null)
     select 9223372036854775807, 0.1::float8, true, null, '${text}', '\\x00ff'::bytea, '{"a": [1]}'::jsonb, '{1,NULL}'::int[]`,
  );
  assert.equal(said, `9223372036854775807|0.1|t|(null)|${text}|\\x00ff|{"a": [1]}|{1,NULL}\n`);
}

async function transacts(stage: Stage): Promise<void> {
  const said = await ask(
    stage,
    `\\set ON_ERROR_STOP 0
     create temp table kept (n int);
     begin; insert into kept values (1); commit;
     begin; insert into kept values (2); rollback;
     begin; select 1 / 0; select 1;
     \\echo :LAST_ERROR_SQLSTATE
     rollback;
     select n from kept;`,
  );
  assert.equal(said, '25P02\n1\n');
}

async function readsErrors(stage: Stage): Promise<void> {
  const { stdout, stderr } = await runProgram('psql', [...quiet, '-v', 'VERBOSITY=verbose'], {
    env: libpqEnvironment(stage),
    input: `\\set ON_ERROR_STOP 0
      create temp table only_once (n int constraint just_one unique);
      insert into only_once values (1);
      insert into only_once values (1);
      select 'goes on';`,
  });
  assert.match(stderr, /ERROR: {2}23505: duplicate key value violates unique constraint "just_one"/);
  assert.match(stderr, /DETAIL: {2}Key \(n\)=\(1\) already exists\./);
  assert.match(stderr, /SCHEMA NAME: {2}pg_temp_\d+\nTABLE NAME: {2}only_once\nCONSTRAINT NAME: {2}just_one/);
  assert.match(stderr, /LOCATION: {2}_bt_check_unique/);
  assert.equal(stdout, 'goes on\n');
}

async function hearsNotices(stage: Stage): Promise<void> {
  const { stderr } = await runProgram('psql', quiet, {
    env: libpqEnvironment(stage),
    input: "do $$ begin raise notice 'first'; raise warning 'second' using hint = 'a hint'; end $$;",
  });
  assert.equal(stderr, 'NOTICE:  first\nWARNING:  second\nHINT:  a hint\n');
}

async function copiesIn(stage: Stage): Promise<void> {
  const lines = makeCopyLines();
  const said = await ask(
    stage,
    `set client_min_messages = error;\n${createCopied};\ncopy copied from stdin;\n${lines}\\.\n${hashOfCopied};`,
  );
  assert.equal(said.trim(), hashOf(lines));
}

const copiesOut = withDirectory(async (stage, directory) => {
  const file = join(directory, 'lines');
  await ask(stage, `\\${copyOutOfNothing.replace('to stdout', `to '${file}'`)}`);
  assert.equal(hashOf(readFileSync(file)), hashOf(makeCopyLines()));
});

async function carriesLargeRows(stage: Stage): Promise<void> {
  const large = 'x'.repeat(8_000_000);
  assert.equal(await ask(stage, "select repeat('x', 8000000)"), `${large}\n`);
  assert.equal(await ask(stage, `select md5('${large}')`), `${hashOf(large)}\n`);
}

async function fetches(stage: Stage): Promise<void> {
  const said = await ask(stage, '\\set FETCH_COUNT 1000\nselect n from generate_series(1, 2500) n;');
  assert.equal(said, Array.from({ length: 2_500 }, (_, n) => `${n + 1}\n`).join(''));
}

async function listens(stage: Stage): Promise<void> {
  const listener = start(stage);
  listener.write("listen news;\nselect 'listening';\n");
  await waitFor(() => listener.said().includes('listening'), limitMs);
  const payload = 'n'.repeat(7_000);
  await ask(stage, `notify news, '${payload}'`);
  listener.write('select 1;\n'); // it looks for notifications after a command
  listener.end();
  const { stdout } = await listener.finished;
  assert.match(stdout, new RegExp(`Asynchronous notification "news" with payload "${payload}" received`));
}

const callsFunctions = withDirectory(async (stage, directory) => {
  const [from, to] = [join(directory, 'from'), join(directory, 'to')];
  const content = Buffer.from(makeCopyLines());
  writeFileSync(from, content);
  await ask(stage, `\\lo_import '${from}'\n\\lo_export :LASTOID '${to}'\n\\lo_unlink :LASTOID`);
  assert.equal(hashOf(readFileSync(to)), hashOf(content));
});

async function cancels(stage: Stage): Promise<void> {
  await ask(stage, 'select 1'); // a compute to look into
  const victim = start(stage, '-c', 'select pg_advisory_lock(1)', '-c', "select 'the victim', pg_sleep(60)");
  victim.end();
  await untilWaiting(stage, 'the victim');
  const bystander = start(stage, '-c', "select 'a bystander', pg_advisory_lock(1)");
  bystander.end();
  await untilWaiting(stage, 'a bystander');
  victim.signal('SIGINT'); // then it gives up, and with it the lock
  assert.match((await victim.finished).stderr, /canceling statement due to user request/);
  assert.deepEqual(await bystander.finished, { stdout: 'a bystander|\n', stderr: '', status: 0 } satisfies Finished);
}

async function replicates(stage: Stage): Promise<void> {
  const conninfo = (replication: string) => ['-d', `replication=${replication}`, '-c', 'IDENTIFY_SYSTEM'];
  const identify = async (replication: string): Promise<string> => {
    const { stdout } = await runProgram('psql', [...quiet, ...conninfo(replication)], { env: libpqEnvironment(stage) });
    return stdout;
  };
  assert.match(await identify('database'), /^\d+\|\d+\|[0-9A-F/]+\|app\n$/);
  assert.match(await identify('true'), /^\d+\|\d+\|[0-9A-F/]+\|\n$/);
}

export const psql: Driver = {
  name: 'psql',
  findMissing: () => (works('psql', '--version') ? undefined : 'psql'),
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
    pipelines: cannotTell('it waits for each answer; pgbench pipelines on libpq'),
    listens,
    callsFunctions,
    cancels,
    terminates: cannotTell('it shows its pid in the prompt only'),
    replicates,
  },
};
