// The same bytes said to the compute itself and to the gateway get the same bytes back, message for message: also what no
// driver ever sends. Only the key for cancel requests is the gateway's own.

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import {
  type WireMessage,
  backendTag,
  concatBytes,
  encodeMessage,
  encodeQuery,
  encodeTerminate,
  frontendTag,
  parseDataRow,
} from '@pgwake/pg-wire';
import { socketDirectoryOf } from '../clients.js';
import { RawSession } from './raw-session.js';
import { type Stages, openStages } from './stage.js';
import type { Stage } from './stories.js';

let stages: Stages;
let stage: Stage;
let socketDirectory: string;
const sessions: RawSession[] = [];

beforeAll(async () => {
  stages = await openStages();
  stage = stages.of('plain');
  await stage.system.admin('POST', `/endpoints/${stage.endpoint.endpoint}/wake`);
  socketDirectory = await socketDirectoryOf(stage.system, stage.endpoint.endpoint);
}, 120_000);
afterEach(() => {
  for (const session of sessions.splice(0)) session.close();
});
afterAll(() => stages?.stop(), 60_000);

type Via = 'gateway' | 'compute';

async function open(via: Via, parameters: Readonly<Record<string, string>> = {}): Promise<RawSession> {
  const { host, port, user, password, database, options } = stage.connection;
  const login = { user, password, database, ...parameters };
  const session =
    via === 'gateway'
      ? await RawSession.open({ host, port }, { ...login, options })
      : await RawSession.open({ path: join(socketDirectory, '.s.PGSQL.5432') }, login);
  sessions.push(session);
  return session;
}

const int16 = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value);
const int32 = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
const text = (value: string): Uint8Array => Buffer.from(value);
const cString = (value: string): Uint8Array => Buffer.from(`${value}\0`);
const sized = (value: string): Uint8Array => concatBytes(int32(value.length), text(value));

const parse = (sql: string, name = ''): Uint8Array =>
  encodeMessage(frontendTag.parse, cString(name), cString(sql), int16(0));
const bind = (values: readonly string[], name = ''): Uint8Array =>
  encodeMessage(
    frontendTag.bind,
    cString(''),
    cString(name),
    int16(0),
    int16(values.length),
    ...values.map(sized),
    int16(0),
  );
const describePortal = encodeMessage(frontendTag.describe, text('P'), cString(''));
const execute = (rows = 0): Uint8Array => encodeMessage(frontendTag.execute, cString(''), int32(rows));
const flush = encodeMessage(frontendTag.flush);
const sync = encodeMessage(frontendTag.sync);
/** With arguments and a result in text format. */
const callFunction = (oid: number, ...values: readonly string[]): Uint8Array =>
  encodeMessage(frontendTag.functionCall, int32(oid), int16(0), int16(values.length), ...values.map(sized), int16(0));
const copyData = (data: string): Uint8Array => encodeMessage(frontendTag.copyData, text(data));
const copyDone = encodeMessage(frontendTag.copyDone);
const copyFail = (why: string): Uint8Array => encodeMessage(frontendTag.copyFail, cString(why));

interface Exchange {
  readonly what: string;
  readonly said: readonly Uint8Array[];
  /** The tags that must be among the answers, so that the exchange is about what it says. */
  readonly hears: string;
  /** How the answers end. Default: with the first ReadyForQuery. */
  readonly until?: 'close' | { readonly readyForQueries: number };
}

const int4pl = 177;

const exchanges: readonly Exchange[] = [
  { what: 'a function call', said: [callFunction(int4pl, '20', '22')], hears: 'VZ' },
  { what: 'a function call that fails', said: [callFunction(1, '20')], hears: 'EZ' },
  { what: 'an empty query', said: [encodeQuery('')], hears: 'IZ' },
  {
    what: 'statements in one query, of which the second fails',
    said: [encodeQuery('select 1; select 1/0; select 2')],
    hears: 'TDCEZ',
  },
  {
    what: 'a transaction, failed, and its end',
    said: ['begin', 'select 1/0', 'select 1', 'rollback'].map(encodeQuery),
    hears: 'CZEZEZCZ',
    until: { readyForQueries: 4 },
  },
  {
    what: 'a pipeline in which one statement fails and the others up to Sync are skipped',
    said: [
      ...[parse('select $1::int'), bind(['1']), describePortal, execute()],
      ...[parse('select 1/$1::int'), bind(['0']), execute(), parse('select 3'), bind([]), execute(), sync],
      ...[parse('select $1::text'), bind(['after Sync']), execute(), sync],
    ],
    hears: '12TDC1EZ12DCZ',
    until: { readyForQueries: 2 },
  },
  {
    what: 'a portal read in portions, with Flush before Sync',
    said: [parse('select generate_series(1, 5)'), bind([]), execute(2), flush, execute(2), flush, execute(), sync],
    hears: '12DDsDDsDCZ',
  },
  {
    what: 'COPY in, in odd pieces',
    said: [
      encodeQuery('create temp table pieces (word text)'),
      encodeQuery('copy pieces from stdin'),
      ...['first\nse', 'co', 'nd\n', ''].map(copyData),
      copyDone,
      encodeQuery("select word || '' from pieces"),
    ],
    hears: 'CZGCZTDDCZ',
    until: { readyForQueries: 3 },
  },
  {
    what: 'COPY in that the client gives up',
    said: [
      encodeQuery('create temp table pieces (word text)'),
      encodeQuery('copy pieces from stdin'),
      copyData('first\n'),
      copyFail('no more'),
    ],
    hears: 'CZGEZ',
    until: { readyForQueries: 2 },
  },
  { what: 'COPY out', said: [encodeQuery("copy (values ('a'), ('b')) to stdout")], hears: 'HddcCZ' },
  {
    what: 'notices and a parameter that changes, among the rows',
    said: [encodeQuery("do $$ begin raise notice 'here'; end $$; select set_config('application_name', 'new', false)")],
    hears: 'NCTDCSZ',
  },
  {
    what: 'values that are shorter than they say',
    said: [
      parse('select $1::text'),
      encodeMessage(frontendTag.bind, cString(''), cString(''), int16(0), int16(1)),
      sync,
    ],
    hears: '1EZ',
  },
  {
    what: 'a message of a type that does not exist',
    said: [encodeMessage('y'.charCodeAt(0), text('what?'))],
    hears: 'E',
    until: 'close',
  },
  {
    what: 'Terminate behind a query',
    said: [encodeQuery('select 1'), encodeTerminate()],
    hears: 'TDCZ',
    until: 'close',
  },
];

function show({ tag, body }: WireMessage): string {
  return String.fromCharCode(tag) + Buffer.from(body).toString('latin1');
}

function tagsOf(messages: readonly WireMessage[]): string {
  return messages.map(({ tag }) => String.fromCharCode(tag)).join('');
}

async function hear(session: RawSession, until: Exchange['until']): Promise<readonly WireMessage[]> {
  if (until === 'close') return session.readToEnd();
  const heard: WireMessage[] = [];
  for (let ready = 0; ready < (until?.readyForQueries ?? 1); ready += 1) {
    heard.push(...(await session.readUntil(backendTag.readyForQuery)));
  }
  return heard;
}

async function valueOf(session: RawSession, sql: string): Promise<string> {
  session.send(encodeQuery(sql));
  const messages = await session.readUntil(backendTag.readyForQuery);
  const row = parseDataRow(messages.find(({ tag }) => tag === backendTag.dataRow)?.body ?? new Uint8Array());
  return row.kind === 'value' ? Buffer.from(row.value[0] ?? []).toString() : '';
}

describe('what goes through the gateway', () => {
  it.each(exchanges)('$what: the same as at the compute itself', async ({ said, hears, until }) => {
    const heard = { gateway: [] as string[], compute: [] as string[] };
    for (const via of ['compute', 'gateway'] as const) {
      const session = await open(via);
      session.send(...said);
      const messages = await hear(session, until);
      expect(tagsOf(messages)).toBe(hears);
      heard[via] = messages.map(show);
    }
    expect(heard.gateway).toEqual(heard.compute);
  });

  it('is answered although the client has half-closed', async () => {
    for (const via of ['compute', 'gateway'] as const) {
      const session = await open(via);
      session.send(encodeQuery('select pg_sleep(0.05)'), encodeQuery('select 2'));
      session.halfClose();
      expect(tagsOf(await session.readToEnd())).toBe('TDCZTDCZ');
    }
  });

  it.each([3, 0x7fff_ffff])('is refused by the gateway itself when its length is impossible: %d', async (length) => {
    const session = await open('gateway');
    session.send(concatBytes(text('Q'), int32(length)));
    const [refusal, ...more] = await session.readToEnd();
    expect(refusal && show(refusal)).toContain('C08P01\0Mprotocol violation: invalid message length\0');
    expect(more).toEqual([]);
  });
});

describe('the greeting', () => {
  it.each([
    ['as the compute itself gives it', {}],
    [
      'with parameters of the client',
      { application_name: 'faithful', TimeZone: 'Asia/Tokyo', client_encoding: 'LATIN1' },
    ],
  ])('has every parameter status, %s', async (_what, parameters) => {
    const [gateway, compute] = await Promise.all([open('gateway', parameters), open('compute', parameters)]);
    const statusesOf = ({ greeting }: RawSession): string[] =>
      greeting.filter(({ tag }) => tag !== backendTag.backendKeyData).map(show);
    expect(statusesOf(gateway)).toEqual(statusesOf(compute));
    expect(statusesOf(gateway).length).toBeGreaterThan(10);
  });

  it("has the compute's pid, and a secret of the gateway's own that is another one every time", async () => {
    const opened = await Promise.all(Array.from({ length: 20 }, () => open('gateway')));
    for (const session of opened)
      expect(await valueOf(session, 'select pg_backend_pid()')).toBe(String(session.key.pid));
    expect(new Set(opened.map(({ key }) => Buffer.from(key.secret).toString('hex'))).size).toBe(20);
  });
});

describe('replication', () => {
  it('streams over CopyBoth, both ways, and ends in order', async () => {
    const session = await open('gateway', { replication: 'true' });
    const writer = await open('gateway');
    const position = await valueOf(writer, 'select pg_current_wal_flush_lsn()');
    session.send(encodeQuery(`START_REPLICATION PHYSICAL ${position}`));
    await session.readUntil(backendTag.copyBothResponse);
    await valueOf(writer, "select pg_logical_emit_message(true, 'story', 'written while somebody replicates')");
    let wal = '';
    while (!wal.includes('written while somebody replicates')) {
      const [data] = await session.readUntil(backendTag.copyData);
      wal += Buffer.from(data?.body ?? []).toString('latin1');
    }
    session.send(copyDone);
    const rest = tagsOf(await session.readUntil(backendTag.readyForQuery));
    expect(rest).toMatch(/^d*cCC?Z$/);
    session.send(encodeQuery('IDENTIFY_SYSTEM'));
    expect(tagsOf(await session.readUntil(backendTag.readyForQuery))).toBe('TDCZ');
  });
});
