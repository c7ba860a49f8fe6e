// Computes that say what no Postgres says. None of it may reach the next request, take memory, or end the process.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  backendTag,
  concatBytes,
  encodeCommandComplete,
  encodeDataRow,
  encodeErrorResponse,
  encodeMessage,
  encodeNoticeResponse,
  encodeParameterStatus,
  encodeReadyForQuery,
  encodeRowDescription,
  frontendTag,
} from '@pgwake/pg-wire';
import {
  type LeakCheck,
  type PasswordLogin,
  type ScriptedPostgres,
  type Step,
  makePasswordLogin,
  startLeakCheck,
  startScriptedPostgres,
  steps,
  waitFor,
} from '@pgwake/testkit';
import type { QueryConnection, WatchSilence } from './index.js';
import { endOfTurn } from './end-of-turn.js';
import { ask, collect, statement } from './testing/asking.js';
import { clusterName, dialQuery } from './testing/dialling.js';

let login: PasswordLogin;
let leaks: LeakCheck;
let server: ScriptedPostgres;
let connection: QueryConnection;

beforeAll(async () => {
  login = await makePasswordLogin('secret');
});

beforeEach(() => {
  leaks = startLeakCheck();
});

afterEach(async () => {
  connection.close();
  await server.stop();
  await leaks.expectNothingLeft();
});

const parsed = encodeMessage(backendTag.parseComplete);
const bound = encodeMessage(backendTag.bindComplete);
const described = encodeRowDescription(['a']);
const row = encodeDataRow(['1']);
const complete = encodeCommandComplete('SELECT 1');
const ready = encodeReadyForQuery();
const rightAnswer = concatBytes(parsed, bound, described, row, complete, ready);
const error = encodeErrorResponse({ severity: 'ERROR', code: '22012', message: 'division by zero' });

/** Reads up to a message of this kind, and answers it so. */
function answer(tag: number, bytes: Uint8Array): Step {
  return async (client) => {
    while ((await client.readMessage()).tag !== tag);
    await client.write(bytes);
  };
}

const answerRequest = (bytes: Uint8Array): Step => answer(frontendTag.sync, bytes);

const set = concatBytes(encodeCommandComplete('SET'), ready);
const discarded = concatBytes(parsed, bound, encodeCommandComplete('DISCARD ALL'));
const seeded = concatBytes(parsed, bound, encodeCommandComplete('SET'));

/** Who the session is, with all that stands around it. */
function identity(...values: string[]): Uint8Array {
  return concatBytes(parsed, bound, encodeDataRow(values), encodeCommandComplete('SELECT 1'), ready);
}

const own = identity('app', 'app');

/** A reset behind a request: all of it has one Sync. */
function answerReset(bytes = concatBytes(discarded, seeded, own)): Step {
  return answer(frontendTag.sync, bytes);
}

/** A request and the reset behind it, once both are there. */
function answerBoth(bytes: Uint8Array): Step {
  return async (client) => {
    for (let syncs = 0; syncs < 2;) if ((await client.readMessage()).tag === frontendTag.sync) syncs += 1;
    await client.write(bytes);
  };
}

/** A reset for itself, with a message before. */
function answerResetAfterwards(before = set, bytes = concatBytes(discarded, seeded, own)): Step[] {
  return [answer(frontendTag.query, before), answerReset(bytes)];
}

const untilGone: Step = async (client) => {
  while ((await client.readMessage()).tag !== frontendTag.terminate);
  client.close();
};

function logIn(): Step[] {
  const proof = steps.answerOnce(steps.encodeRow('cluster_name', clusterName));
  return [steps.startup(), steps.authenticate(login.verifier), steps.greet(), proof];
}

async function connect(...after: readonly Step[]): Promise<QueryConnection> {
  const script = [...logIn(), ...after, untilGone];
  server = await startScriptedPostgres({ scripts: [script] });
  connection = await dialQuery(server.address, { user: 'app', keys: login.keys });
  return connection;
}

describe('an answer', () => {
  it('is right when it is right', async () => {
    const { outcome, rows } = await ask(await connect(answerRequest(rightAnswer)), 'SELECT 1');
    expect({ outcome, rows }).toEqual({ outcome: { kind: 'done' }, rows: [['1']] });
  });

  it.each([
    ['rows that nothing has described', concatBytes(parsed, bound, row, complete, ready)],
    ['rows of a statement without any', concatBytes(parsed, bound, encodeMessage(backendTag.noData), row)],
    ['a row before everything', row],
    ['two descriptions', concatBytes(parsed, bound, described, described)],
    ['an end before the beginning', ready],
    ['an end before the statement is complete', concatBytes(parsed, bound, described, row, ready)],
    ['two statements for one', concatBytes(parsed, bound, described, complete, parsed)],
    ['the same completed twice', concatBytes(parsed, bound, described, complete, complete)],
    [
      'an unknown transaction status',
      concatBytes(parsed, bound, described, complete, encodeMessage(90, Uint8Array.of(88))),
    ],
    [
      'an error without a code',
      concatBytes(parsed, encodeMessage(backendTag.errorResponse, Uint8Array.of(77, 120, 0, 0))),
    ],
    ['a login', encodeMessage(backendTag.authentication, Uint8Array.of(0, 0, 0, 0))],
    ['a suspended portal', concatBytes(parsed, bound, described, encodeMessage(backendTag.portalSuspended))],
    ['an unknown message', encodeMessage(33)],
    ['a length that no message has', Uint8Array.of(backendTag.dataRow, 0, 0, 0, 3)],
    ['a malformed parameter status', encodeMessage(backendTag.parameterStatus, Uint8Array.of(1))],
    ['the end of a session', encodeErrorResponse({ severity: 'FATAL', code: '57P01', message: 'bye' })],
  ])('that is %s ends the connection, and leaves the outcome unknown', async (_, bytes) => {
    const { outcome } = await ask(await connect(answerRequest(bytes)), 'SELECT 1');
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'COMPUTE_LOST_IN_QUERY' } });
    expect(connection.closed).toBe(true);
    expect(await connection.reset()).toBe(false);
  });

  it.each([backendTag.dataRow, backendTag.noticeResponse, backendTag.errorResponse])(
    'that announces a gigabyte (message %d) takes no memory for it',
    async (tag) => {
      const announced = concatBytes(
        parsed,
        bound,
        described,
        Uint8Array.of(tag, 0x3f, 0xff, 0xff, 0xff),
        new Uint8Array(1_000),
      );
      await connect(answerRequest(announced));
      const before = process.memoryUsage();
      const { outcome } = await ask(connection, 'SELECT 1');
      const after = process.memoryUsage();
      expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'RESULT_TOO_LARGE' } });
      expect(after.external + after.arrayBuffers - before.external - before.arrayBuffers).toBeLessThan(16 << 20);
      expect(connection.closed).toBe(true);
    },
  );

  it('may be preceded by any number of notices, notifications and parameter statuses', async () => {
    const noise = concatBytes(
      encodeNoticeResponse({ severity: 'NOTICE', code: '00000', message: 'hello' }),
      encodeMessage(backendTag.notificationResponse, Uint8Array.of(0, 0, 0, 1, 110, 0, 0)),
      encodeParameterStatus({ name: 'TimeZone', value: 'UTC' }),
    );
    const flood = concatBytes(...Array.from({ length: 20_000 }, () => noise));
    const { outcome } = await ask(await connect(answerRequest(concatBytes(flood, rightAnswer))), 'SELECT 1');
    expect(outcome).toEqual({ kind: 'done' });
  });

  it('that is an error stays one, though the connection is lost behind it', async () => {
    await connect(answerRequest(concatBytes(parsed, error)), steps.reset());
    const { outcome } = await ask(connection, 'SELECT 1 / 0');
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'QUERY_FAILED' }, statement: 0 });
    await waitFor(() => connection.closed, 5_000);
  });

  it.each(['reset', 'close'] as const)('that breaks off (%s) after the last row is no answer', async (how) => {
    const cut = concatBytes(parsed, bound, described, row, complete);
    await connect(answerRequest(cut), how === 'reset' ? steps.reset() : steps.close());
    const { outcome } = await ask(connection, 'SELECT 1');
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'COMPUTE_LOST_IN_QUERY' } });
    expect(server.seen.resets + server.seen.closes).toBe(1);
  });

  it('that nobody asked for is nobody’s answer: the connection ends, and says so', async () => {
    await connect(answerRequest(concatBytes(rightAnswer, row)));
    const closed = new Promise<void>((resolve) => connection.onClosed(resolve));
    const { outcome } = await ask(connection, 'SELECT 1');
    expect(outcome).toEqual({ kind: 'done' });
    await closed;
    expect(connection.closed).toBe(true);
  });

  it('that the sink cannot take ends the connection, not the process', async () => {
    await connect(answerRequest(rightAnswer));
    const sink = {
      ...collect(),
      onDataRow: () => {
        throw new Error('no');
      },
    };
    const outcome = await connection.run(statement('SELECT 1'), sink, new AbortController().signal);
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'INTERNAL' } });
    expect(connection.closed).toBe(true);
  });
});

describe('a reset', () => {
  it('is done when every command says so', async () => {
    await connect(answerRequest(rightAnswer), answerReset());
    await ask(connection, 'SELECT 1');
    expect(await connection.reset()).toBe(true);
    expect(connection.touched).toBe(false);
  });

  const cut = concatBytes(own.slice(0, -6), encodeReadyForQuery('inTransaction'));
  const unowned = concatBytes(parsed, bound, encodeCommandComplete('SELECT 0'), ready);
  const wrong: [string, Uint8Array][] = [
    ['the state is not discarded', concatBytes(error, ready)],
    ['a cancel still hung over the session', concatBytes(discarded, seeded, error, ready)],
    ['the session is somebody else', concatBytes(discarded, seeded, identity('other', 'app'))],
    ['the login is somebody else', concatBytes(discarded, seeded, identity('app', 'other'))],
    ['the user is somebody whose name begins alike', concatBytes(discarded, seeded, identity('app2', 'app'))],
    ['nobody says who it is', concatBytes(discarded, seeded, unowned)],
    ['there are two answers to that', concatBytes(discarded, seeded, row, own)],
    ['another command was done', concatBytes(seeded, seeded, own)],
    ['a command has no answer', concatBytes(discarded, own)],
    ['the seed is refused', concatBytes(discarded, error, ready)],
    ['nothing has', ready],
    ['a transaction is open', concatBytes(discarded, seeded, cut)],
  ];

  it.each(wrong)('is done once more when %s', async (_, bytes) => {
    await connect(answerRequest(rightAnswer), answerReset(bytes), ...answerResetAfterwards());
    await ask(connection, 'SELECT 1');
    expect(await connection.reset()).toBe(true);
  });

  it('is done when its answer is in one piece with that to the request', async () => {
    await connect(answerBoth(concatBytes(rightAnswer, discarded, seeded, own)));
    const answer = ask(connection, 'SELECT 1');
    expect(await connection.reset()).toBe(true);
    expect(await answer).toMatchObject({ outcome: { kind: 'done' }, rows: [['1']] });
  });

  it.each(wrong)('is done once more when %s, in one piece with the answer to the request', async (_, bytes) => {
    await connect(answerBoth(concatBytes(rightAnswer, bytes)), ...answerResetAfterwards());
    const answer = ask(connection, 'SELECT 1');
    expect(await connection.reset()).toBe(true);
    expect(await answer).toMatchObject({ outcome: { kind: 'done' }, rows: [['1']] });
  });

  it.each(wrong)('is none when %s, twice', async (_, bytes) => {
    await connect(answerRequest(rightAnswer), answerReset(bytes), ...answerResetAfterwards(set, bytes));
    await ask(connection, 'SELECT 1');
    expect(await connection.reset()).toBe(false);
  });

  it('is none when the timeout is not taken back', async () => {
    const failed = concatBytes(error, ready);
    await connect(answerRequest(rightAnswer), answerReset(failed), ...answerResetAfterwards(failed));
    await ask(connection, 'SELECT 1');
    expect(await connection.reset()).toBe(false);
  });

  it('hears nothing of what comes at any time', async () => {
    const status = encodeParameterStatus({ name: 'TimeZone', value: 'UTC' });
    const notice = encodeNoticeResponse({ severity: 'NOTICE', code: '00000', message: 'psst' });
    await connect(answerRequest(rightAnswer), answerReset(concatBytes(notice, discarded, seeded, status, own)));
    await ask(connection, 'SELECT 1');
    expect(await connection.reset()).toBe(true);
  });

  it('ends the connection when its answer has what no answer of a command has', async () => {
    const copy = encodeMessage(backendTag.copyInResponse, Uint8Array.of(0, 0, 0));
    await connect(answerRequest(rightAnswer), answerReset(concatBytes(copy, discarded, seeded, own)));
    await ask(connection, 'SELECT 1');
    expect(await connection.reset()).toBe(false);
    expect(connection.closed).toBe(true);
  });

  it('is none when the connection is lost on the way', async () => {
    await connect(answerRequest(rightAnswer), answerReset(discarded), steps.reset());
    await ask(connection, 'SELECT 1');
    expect(await connection.reset()).toBe(false);
    expect(server.seen.resets).toBe(1);
  });
});

describe('a cancelled request', () => {
  const cancelled = encodeErrorResponse({ severity: 'ERROR', code: '57014', message: 'cancelled' });
  it('is not over, and its connection nobody’s, before the cancel has been delivered', async () => {
    const reason = new AbortController();
    let deliver = (): void => undefined;
    const delivered = new Promise<void>((resolve) => (deliver = resolve));
    let answered = 0;
    const count: Step = () => void (answered += 1);
    const untilCancelled: Step = async () => {
      await waitFor(() => server.seen.accepted === 2, 5_000);
    };
    server = await startScriptedPostgres({
      scripts: [
        [
          ...logIn(),
          untilCancelled,
          answerRequest(concatBytes(parsed, bound, described, cancelled, ready)),
          answerReset(),
          count,
          ...answerResetAfterwards(),
          count,
          untilGone,
        ],
        [steps.wait(delivered), steps.startup()],
      ],
    });
    connection = await dialQuery(server.address, { user: 'app', keys: login.keys });
    const over: string[] = [];
    const answer = ask(connection, 'SELECT pg_sleep(60)', reason.signal).then(({ outcome }) => {
      over.push('answer');
      return outcome;
    });
    const clean = connection.reset().then((done) => {
      over.push('reset');
      return done;
    });
    reason.abort();
    await waitFor(() => answered === 1, 5_000);
    for (let turn = 0; turn < 50; turn += 1) await nextTurn();
    expect([over, answered]).toEqual([[], 1]);
    deliver();
    expect(await answer).toMatchObject({ error: { code: 'CLIENT_GONE' } });
    expect(await clean).toBe(true);
    expect([server.seen.cancels.length, answered]).toEqual([1, 2]);
  });
});

describe('a check', () => {
  it('finds a compute that answers', async () => {
    await connect(answerRequest(ready));
    expect(await connection.check()).toBe(true);
  });

  it.each([
    ['answers something else', [answerRequest(concatBytes(error, ready))]],
    ['stands in a transaction', [answerRequest(encodeReadyForQuery('inTransaction'))]],
    ['hangs up', [answerRequest(new Uint8Array(0)), steps.reset()]],
  ])('finds a compute that %s', async (_, script) => {
    await connect(...script);
    expect(await connection.check()).toBe(false);
  });
});

describe('a connection', () => {
  it('that failed between the dial and the first request says so', async () => {
    await connect(steps.reset());
    await waitFor(() => connection.closed, 5_000);
    expect(await ask(connection, 'SELECT 1')).toMatchObject({ outcome: { error: { code: 'COMPUTE_LOST' } } });
    expect(await connection.check()).toBe(false);
  });

  it('says farewell when it is closed idle', async () => {
    await connect();
    connection.close();
    await waitFor(() => server.seen.closes === 1, 5_000);
  });
});

describe('a compute that vanishes', () => {
  it('is missed only while it owes an answer, and given up when the watch is sure', async () => {
    const watched: Parameters<WatchSilence>[1][] = [];
    let ended = 0;
    const watchSilence: WatchSilence = (_socket, listener) => {
      watched.push(listener);
      return () => void (ended += 1);
    };
    server = await startScriptedPostgres({
      scripts: [[...logIn(), answerRequest(rightAnswer), answerReset(), untilGone]],
    });
    connection = await dialQuery(server.address, { user: 'app', keys: login.keys }, { watchSilence });
    const isAnswerDue = () => watched.map((listener) => listener.isAnswerDue());
    expect(isAnswerDue()).toEqual([false]);
    await ask(connection, 'SELECT 1');
    const clean = connection.reset();
    expect(isAnswerDue()).toEqual([true]);
    await clean;
    expect([isAnswerDue(), ended]).toEqual([[false], 0]);

    const lost = ask(connection, 'SELECT 2');
    expect(isAnswerDue()).toEqual([true]);
    await endOfTurn(); // it goes out
    for (const { onLost } of watched) onLost(new Error('no sign of life'));
    expect((await lost).outcome).toMatchObject({ error: { code: 'COMPUTE_LOST_IN_QUERY', detail: 'no sign of life' } });
    expect([connection.closed, ended]).toEqual([true, 1]);
  });
});
