// The tracker beside a real Postgres: the model's idea of when ReadyForQuery comes must be Postgres' own.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestPostgres, type TestPostgres } from '@pgwake/testkit';
import pg from 'pg';
import { SessionTracker } from './session-tracker.js';

function message(tag: string, body: string | Buffer = ''): Buffer {
  const bytes = Buffer.concat([Buffer.from(`${tag}\0\0\0\0`), Buffer.from(body)]);
  bytes.writeUInt32BE(bytes.length - 1, 1);
  return bytes;
}

const query = (sql: string): Buffer => message('Q', `${sql}\0`);
/** Parse, Bind and Execute of the unnamed statement. */
const run = (sql: string): Buffer =>
  Buffer.concat([message('P', `\0${sql}\0\0\0`), message('B', Buffer.alloc(8)), message('E', Buffer.alloc(5))]);
const sync = message('S');
const row = (text: string): Buffer => message('d', `${text}\n`);
const copyDone = message('c');
const functionCall = message('F', Buffer.from([0, 0, 0, 89, 0, 0, 0, 0, 0, 0])); // version()
const copyIn = 'copy t from stdin';

let postgres: TestPostgres;
let client: pg.Client;
let socket: Socket;

beforeAll(async () => {
  postgres = await startTestPostgres();
  client = new pg.Client(postgres.connectionConfig);
  await client.connect();
  await client.query('create temp table t (a int)');
  // From here on we speak for ourselves, over the connection that pg has logged in.
  socket = (client as unknown as { connection: { stream: Socket } }).connection.stream;
  socket.removeAllListeners('data');
});

afterAll(async () => {
  await client?.end();
  await postgres?.stop();
});

/** Sends each part once the answers to the ones before have come; an answer is the tags of its messages. */
async function play(tracker: SessionTracker, turns: readonly (readonly [send: readonly Buffer[], answer: string])[]) {
  let unread = Buffer.alloc(0);
  for (const [send, answer] of turns) {
    const bytes = Buffer.concat(send);
    tracker.fromClient.scan(bytes);
    socket.write(bytes);
    let tags = '';
    while (tags.length < answer.length) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      tracker.fromCompute.scan(chunk);
      unread = Buffer.concat([unread, chunk]);
      while (unread.length >= 5 && unread.length > unread.readUInt32BE(1)) {
        tags += String.fromCharCode(unread[0] ?? 0);
        unread = unread.subarray(1 + unread.readUInt32BE(1));
      }
    }
    expect(tags).toBe(answer);
  }
}

describe('the session tracker beside a real Postgres', () => {
  it.each<[what: string, turns: [Buffer[], string][]]>([
    ['a query', [[[query('select 1')], 'TDCZ']]],
    ['a function call', [[[functionCall], 'VZ']]],
    [
      'a pipeline with an error in it',
      [[[run('selec'), sync, run('select 1'), sync, query('begin'), query('x'), query('rollback')], 'EZ12DCZCZEZCZ']],
    ],
    ['COPY out', [[[query('copy (values (1), (2)) to stdout')], 'HddcCZ']]],
    [
      'COPY in',
      [
        [[query(copyIn)], 'G'],
        [[row('1'), copyDone], 'CZ'],
      ],
    ],
    [
      'COPY in with Syncs that Postgres swallows',
      [
        [[query(copyIn)], 'G'],
        [[sync, row('1'), sync, copyDone], 'CZ'],
      ],
    ],
    [
      'an extended COPY whose Sync came with Execute',
      [
        [[run(copyIn), sync], '12G'],
        [[row('1'), copyDone, sync], 'CZ'],
      ],
    ],
    [
      'the same with two Syncs',
      [
        [[run(copyIn), sync, sync], '12G'],
        [[row('1'), copyDone, sync], 'CZ'],
      ],
    ],
    [
      'an extended COPY that fails',
      [
        [[run(copyIn), sync], '12G'],
        [[row('x'), copyDone, sync], 'EZ'],
      ],
    ],
    [
      'a COPY that had failed when its end came',
      [
        [[query(copyIn)], 'G'],
        [[row('x')], 'EZ'],
        [[row('2'), copyDone, query('select 1')], 'TDCZ'],
      ],
    ],
    [
      'a client that does not wait for CopyInResponse',
      [[[run(copyIn), row('1'), copyDone, sync, query('select 1')], '12GCZTDCZ']],
    ],
    [
      'COPY data nobody asked for',
      [[[query('copy nope from stdin'), row('1'), copyDone, query('select 1')], 'EZTDCZ']],
    ],
  ])('expects no further reply after %s', async (_what, turns) => {
    const tracker = new SessionTracker();
    await play(tracker, turns);
    expect([tracker.state(), tracker.repliesExpected]).toEqual(['idle', 0]);
  });

  it('knows the transaction that a session is in', async () => {
    const tracker = new SessionTracker();
    await play(tracker, [[[query('begin')], 'CZ']]);
    expect(tracker.state()).toBe('inTransaction');
    await play(tracker, [[[query('selec')], 'EZ']]);
    expect(tracker.state()).toBe('inFailedTransaction');
    await play(tracker, [[[query('rollback')], 'CZ']]);
    expect(tracker.state()).toBe('idle');
  });
});
