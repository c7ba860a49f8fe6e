// What only a real Postgres can tell: that it lets us in with keys alone, and what it says when it does not.

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type ScramKeys, checkPassword, deriveVerifier, parseVerifier } from '@pgwake/client-auth';
import { type DialOutcome, FreshNode } from '@pgwake/connect-core';
import { type EndpointId, type Generation, parseEndpointId, parseGeneration } from '@pgwake/ids';
import { backendTag, createMessageReader, encodeQuery, parseDataRow, parseErrorFields } from '@pgwake/pg-wire';
import { type TestPostgres, startTestPostgres, waitFor } from '@pgwake/testkit';
import type { NodeAddress } from '@pgwake/wake-api';
import { type ComputeConnection, type ComputeLogin, createComputeNetwork, createPgDial, sendCancel } from './index.js';

const clusterName = 'pgwake/demo/3';
const network = createComputeNetwork();
let keys: ScramKeys;
let postgres: TestPostgres;
let connections: ComputeConnection[] = [];

beforeAll(async () => {
  const verifier = await deriveVerifier('secret');
  keys = await keysOf('secret', verifier);
  postgres = await startTestPostgres({
    roles: [
      { name: 'app', password: verifier },
      { name: 'walker', password: verifier, attributes: 'REPLICATION' },
      { name: 'boss', password: verifier, attributes: 'SUPERUSER' },
      { name: 'sleeper', password: verifier },
      { name: 'single', password: verifier, attributes: 'CONNECTION LIMIT 1' },
    ],
    settings: { cluster_name: clusterName },
  });
});

afterAll(async () => {
  await postgres.stop();
});

afterEach(() => {
  for (const { socket } of connections) socket.destroy();
  connections = [];
});

async function keysOf(password: string, verifier: string): Promise<ScramKeys> {
  const parsed = parseVerifier(verifier);
  const found = parsed && (await checkPassword(password, parsed));
  if (found === undefined) throw new Error('the password does not fit');
  return found;
}

function dial(
  login: Partial<ComputeLogin>,
  settings: { readonly over?: 'tcp' | 'unix'; readonly clusterName?: string } = {},
): Promise<DialOutcome<ComputeConnection>> {
  const { host, port, socketDirectory } = postgres;
  const address: NodeAddress =
    settings.over === 'unix' ? { kind: 'unix', socketDirectory, port } : { kind: 'tcp', host, port };
  const node = new FreshNode({
    endpoint: parseEndpointId('demo') as EndpointId,
    generation: parseGeneration(3) as Generation,
    address,
    identity: { kind: 'clusterName', value: settings.clusterName ?? clusterName },
    issuedAtMs: 1,
    signature: undefined,
  });
  const whole = { user: 'app', database: login.user ?? 'app', parameters: [], keys, ...login };
  const mechanism = createPgDial(whole, network);
  return mechanism.dialOnce(node, { signal: AbortSignal.timeout(10_000), onServerByte: () => undefined });
}

/** What a simple query gives: the first column of its rows, or its error. */
async function ask(
  connection: ComputeConnection,
  sql: string,
): Promise<{ values: string[]; error: string | undefined }> {
  const { socket } = connection;
  const reader = createMessageReader({ maxBodyBytes: 1 << 20 });
  const values: string[] = [];
  let error: string | undefined;
  let ready = false;
  const read = (chunk: Buffer) => {
    reader.push(chunk);
    for (let message = reader.next(); message?.kind === 'message'; message = reader.next()) {
      if (message.tag === backendTag.dataRow) {
        const row = parseDataRow(message.body);
        if (row.kind === 'value') values.push(Buffer.from(row.value[0] ?? []).toString());
      }
      if (message.tag === backendTag.errorResponse) {
        const fields = parseErrorFields(message.body);
        if (fields.kind === 'value') error = fields.value.code;
      }
      if (message.tag === backendTag.readyForQuery) ready = true;
    }
  };
  socket.on('data', read);
  socket.resume();
  socket.write(encodeQuery(sql));
  await waitFor(() => ready, 10_000);
  socket.off('data', read);
  socket.pause();
  return { values, error };
}

async function connected(outcome: Promise<DialOutcome<ComputeConnection>>): Promise<ComputeConnection> {
  const result = await outcome;
  if (!result.ok) throw new Error(`${result.failure.error.code}: ${result.failure.error.detail}`);
  connections.push(result.connection);
  return result.connection;
}

async function failed(
  outcome: Promise<DialOutcome<ComputeConnection>>,
): Promise<{ code: string; sqlState: string | undefined }> {
  const result = await outcome;
  if (result.ok) {
    result.connection.socket.destroy();
    throw new Error('it let us in');
  }
  return { code: result.failure.error.code, sqlState: result.failure.error.asSent?.code };
}

describe('a real Postgres', () => {
  it.each(['tcp', 'unix'] as const)('lets us in with keys alone over %s', async (over) => {
    const connection = await connected(dial({}, { over }));
    expect(Buffer.from(connection.greeting).toString()).toContain('server_version');
    expect(connection.residue).toHaveLength(0);
    expect(await ask(connection, 'SELECT current_user')).toEqual({ values: ['app'], error: undefined });
  });

  it('gets the startup parameters of the client', async () => {
    const parameters = [
      ['application_name', 'näme'],
      ['options', '-c work_mem=7MB'],
      ['DateStyle', 'German'],
    ] as const;
    const connection = await connected(dial({ parameters }));
    expect((await ask(connection, 'SHOW application_name')).values).toEqual(['n\\xc3\\xa4me']);
    expect((await ask(connection, 'SHOW work_mem')).values).toEqual(['7MB']);
    expect((await ask(connection, 'SHOW DateStyle')).values).toEqual(['German, DMY']);
  });

  it.each(['database', 'true'])('proves itself with replication=%s', async (replication) => {
    const connection = await connected(dial({ user: 'walker', parameters: [['replication', replication]] }));
    expect((await ask(connection, 'IDENTIFY_SYSTEM')).values).toHaveLength(1);
  });

  it('keeps debug messages about the proof away from the client', async () => {
    const parameters = [['client_min_messages', 'debug5']] as const;
    const connection = await connected(dial({ parameters }));
    expect(Buffer.from(connection.greeting).toString()).not.toContain('SHOW cluster_name');
    expect((await ask(connection, 'SELECT 1')).values).toEqual(['1']);
  });

  it('is reached with a statement_timeout of 1 ms too, unless that hits the proof four times in a row', async () => {
    for (let count = 0; count < 50; count += 1) {
      const outcome = await dial({ parameters: [['statement_timeout', '1']] });
      if (outcome.ok) outcome.connection.socket.destroy();
      else expect(outcome.failure.error.asSent?.code).toBe('57014');
    }
  });

  it('refuses other keys, and keys from before the same password was set again', async () => {
    const again = await keysOf('secret', await deriveVerifier('secret'));
    expect(await failed(dial({ keys: again }))).toEqual({ code: 'COMPUTE_REJECTED_LOGIN', sqlState: '28P01' });
  });

  it('says in its own words what is wrong with a login', async () => {
    await ask(await connected(dial({ user: 'boss' })), 'ALTER ROLE sleeper NOLOGIN');
    expect(await failed(dial({ user: 'sleeper' }))).toEqual({ code: 'COMPUTE_REJECTED_LOGIN', sqlState: '28000' });
    expect(await failed(dial({ database: 'nowhere' }))).toEqual({ code: 'COMPUTE_SAID_NO', sqlState: '3D000' });
    expect(await failed(dial({ parameters: [['work_mem', 'lots']] }))).toEqual({
      code: 'COMPUTE_SAID_NO',
      sqlState: '22023',
    });
    await connected(dial({ user: 'single' }));
    expect(await failed(dial({ user: 'single' }))).toEqual({ code: 'COMPUTE_FULL', sqlState: '53300' });
  });

  it('is not taken for another generation', async () => {
    expect(await failed(dial({}, { clusterName: 'pgwake/demo/4' }))).toMatchObject({
      code: 'COMPUTE_IDENTITY_MISMATCH',
    });
  });

  it('cancels what a session is doing', async () => {
    const connection = await connected(dial({}));
    const watcher = await connected(dial({}));
    const answer = ask(connection, 'SELECT pg_sleep(60)');
    const asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    await waitFor(async () => (await ask(watcher, asleep)).values[0] === '1', 5_000);
    await sendCancel({ ...connection, signal: AbortSignal.timeout(5_000) }, network);
    expect(await answer).toEqual({ values: [], error: '57014' });
    expect(await ask(connection, 'SELECT 1')).toEqual({ values: ['1'], error: undefined });
  });
});
