// Cancels that race with the queries they are meant for, over plain TCP and TLS, at two computes at once: none may hit
// another session's query, nor the next one of its own session.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type Socket, connect as connectSocket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import {
  type BackendKey,
  backendTag,
  encodeCancelRequest,
  encodeQuery,
  encodeSslRequest,
  parseErrorFields,
} from '@pgwake/pg-wire';
import { RawSession } from './raw-session.js';
import { type Stages, openStages } from './stage.js';
import { type Stage, modes } from './stories.js';
import { untilWaiting } from './watch-queries.js';

const victimsEach = 4;
const bystandersEach = 2;
const rounds = 40;
/** A query takes up to so long. Its cancel has a connection to make, so it is given less of a delay; each is first now and then. */
const queryMs = 24;
const delayMs = 8;

let stages: Stages;
beforeAll(async () => {
  stages = await openStages();
}, 120_000);
afterAll(() => stages?.stop(), 60_000);

function openMany(stage: Stage, count: number): Promise<RawSession[]> {
  const { host, port, user, password, database } = stage.connection;
  const login = { user, password, database, options: `endpoint=${stage.endpoint.endpoint}` };
  return Promise.all(Array.from({ length: count }, () => RawSession.open({ host, port }, login)));
}

/** `done`, or the SQLSTATE with which it failed. */
async function ask(session: RawSession, sql: string): Promise<string> {
  session.send(encodeQuery(sql));
  const messages = await session.readUntil(backendTag.readyForQuery);
  const error = messages.find(({ tag }) => tag === backendTag.errorResponse);
  if (error === undefined) return 'done';
  const fields = parseErrorFields(error.body);
  return fields.kind === 'value' ? fields.value.code : fields.what;
}

/** Resolves when the gateway has closed the connection: from then on the cancel hits nothing any more. */
async function sendCancel({ connection: { host, port }, tls }: Stage, key: BackendKey): Promise<void> {
  let socket: Socket = connectSocket({ host, port });
  await once(socket, 'connect');
  if (tls !== undefined) {
    socket.write(encodeSslRequest());
    await once(socket, 'data');
    socket = connectTls({ socket, ca: tls.ca, servername: tls.hostName });
    await once(socket, 'secureConnect');
  }
  const closed = once(socket.resume(), 'close');
  socket.write(encodeCancelRequest(key.pid, key.secret));
  await closed;
}

/** What became of the query that was cancelled, and of the one that was sent as soon as that and the cancel were over. */
async function race(stage: Stage, victim: RawSession, name: string): Promise<readonly [hit: string, next: string]> {
  const [hit] = await Promise.all([
    ask(victim, `select '${name}', pg_sleep(${(Math.random() * queryMs) / 1_000})`),
    sleep(Math.random() * delayMs).then(() => sendCancel(stage, victim.key)),
  ]);
  return [hit, await ask(victim, `select '${name}, the next', pg_sleep(0.002)`)];
}

describe('a cancel', () => {
  it('that races with its query hits this one or none', async () => {
    const onStages = modes.map((mode) => stages.of(mode));
    const victims = await Promise.all(onStages.map((stage) => openMany(stage, victimsEach)));
    const bystanders = (await Promise.all(onStages.map((stage) => openMany(stage, bystandersEach)))).flat();

    let racing = true;
    const watched = bystanders.map(async (bystander) => {
      const fates = new Set<string>();
      while (racing) fates.add(await ask(bystander, "select 'a bystander', pg_sleep(0.001)"));
      return fates;
    });
    const races = onStages.flatMap((stage, at) =>
      (victims[at] ?? []).map(async (victim, number) => {
        const fates: (readonly [string, string])[] = [];
        for (let round = 0; round < rounds; round += 1) {
          fates.push(await race(stage, victim, `${stage.mode} ${number}, round ${round}`));
        }
        return fates;
      }),
    );
    const fates = (await Promise.all(races)).flat();
    racing = false;

    const hits = fates.map(([hit]) => hit);
    expect(fates.map(([, next]) => next).filter((next) => next !== 'done')).toEqual([]);
    for (const seen of await Promise.all(watched)) expect([...seen]).toEqual(['done']);
    // It was a race: some won, some lost, and nothing else happened.
    expect(new Set(hits)).toEqual(new Set(['done', '57014']));
    for (const session of [...victims.flat(), ...bystanders]) session.close();
  });

  it('in time always hits', async () => {
    for (const mode of modes) {
      const stage = stages.of(mode);
      const victims = await openMany(stage, 8);
      const asked = victims.map((victim, number) => ask(victim, `select 'victim ${number}', pg_sleep(60)`));
      await untilWaiting(stage, ...victims.map((_victim, number) => `'victim ${number}'`));
      await Promise.all(victims.map((victim) => sendCancel(stage, victim.key)));
      expect(await Promise.all(asked)).toEqual(victims.map(() => '57014'));
      for (const victim of victims) victim.close();
    }
  });

  it('with a key that is wrong, or of a session that is over, hits nobody', async () => {
    const stage = stages.of('plain');
    const [over, holder, ...running] = await openMany(stage, 5);
    if (over === undefined || holder === undefined) throw new Error('no session was opened');
    over.close();
    await ask(holder, 'select pg_advisory_lock(1)');
    const keys = running.map(({ key }) => key);
    const foreign = keys.flatMap(({ pid }) =>
      [over.key, ...keys].filter((other) => other.pid !== pid).map(({ secret }) => ({ pid, secret })),
    );
    const made = keys.flatMap(({ pid }) => [4, 32].map((bytes) => ({ pid, secret: new Uint8Array(bytes) })));
    const asked = running.map((session, number) => ask(session, `select 'spared ${number}', pg_advisory_xact_lock(1)`));
    await untilWaiting(stage, ...running.map((_session, number) => `'spared ${number}'`));
    await Promise.all([over.key, ...foreign, ...made].map((key) => sendCancel(stage, key)));
    await ask(holder, 'select pg_advisory_unlock(1)');
    expect(await Promise.all(asked)).toEqual(running.map(() => 'done'));
    for (const session of [holder, ...running]) session.close();
  });
});
