// Computes that prove themselves by a certificate: a real Postgres, and impostors that must not learn who wants what.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ScramKeys, checkPassword, deriveVerifier, parseVerifier } from '@pgwake/client-auth';
import { type DialOutcome, FreshNode } from '@pgwake/connect-core';
import { type EndpointId, type Generation, parseEndpointId, parseGeneration } from '@pgwake/ids';
import { type CertificatePem, makeCertificate } from '@pgwake/local-certificate';
import { encodeErrorResponse, encodeQuery } from '@pgwake/pg-wire';
import {
  type LeakCheck,
  type ScriptedPostgres,
  type Step,
  type TestPostgres,
  startLeakCheck,
  startScriptedPostgres,
  startTestPostgres,
  steps,
  waitFor,
} from '@pgwake/testkit';
import type { NodeAddress } from '@pgwake/wake-api';
import {
  type ComputeConnection,
  type ComputeNetwork,
  createComputeNetwork,
  createPgDial,
  sendCancel,
} from './index.js';

const name = 'demo-3.localhost';
const identity = { kind: 'tlsSan', value: name } as const;
const backendKey = { pid: 4711, secret: Uint8Array.of(1, 2, 3, 4) };

let own: CertificatePem;
/** For another name, by an authority that is trusted as well. */
let foreign: CertificatePem;
let network: ComputeNetwork;
let verifier: string;
let keys: ScramKeys;

beforeAll(async () => {
  [own, foreign] = await Promise.all([makeCertificate(['demo-3']), makeCertificate(['demo-4'])]);
  network = createComputeNetwork({ certificateAuthority: own.ca + foreign.ca });
  verifier = await deriveVerifier('secret');
  const parsed = parseVerifier(verifier);
  const found = parsed && (await checkPassword('secret', parsed));
  if (found === undefined) throw new Error('the password does not fit');
  keys = found;
});

function dial(
  address: NodeAddress,
  over = network,
  signal = AbortSignal.timeout(10_000),
): Promise<DialOutcome<ComputeConnection>> {
  const node = new FreshNode({
    endpoint: parseEndpointId('demo') as EndpointId,
    generation: parseGeneration(3) as Generation,
    address,
    identity,
    issuedAtMs: 1,
    signature: undefined,
  });
  const mechanism = createPgDial({ user: 'app', database: 'app', parameters: [], keys }, over);
  return mechanism.dialOnce(node, { signal, onServerByte: () => undefined });
}

async function connected(address: NodeAddress): Promise<ComputeConnection> {
  const result = await dial(address);
  if (!result.ok) throw new Error(`${result.failure.error.code}: ${result.failure.error.detail}`);
  return result.connection;
}

async function codeOf(outcome: Promise<DialOutcome<ComputeConnection>>): Promise<string> {
  const result = await outcome;
  if (!result.ok) return result.failure.error.code;
  result.connection.socket.destroy();
  return 'connected';
}

describe('a real Postgres with a certificate', () => {
  let postgres: TestPostgres;
  let address: NodeAddress;

  beforeAll(async () => {
    postgres = await startTestPostgres({ roles: [{ name: 'app', password: verifier }], certificate: own });
    const { host, port } = postgres;
    address = { kind: 'tcp', host, port };
  });
  afterAll(() => postgres?.stop());

  async function ask({ socket }: ComputeConnection, sql: string): Promise<string> {
    let answer = '';
    const read = (chunk: Buffer) => (answer += chunk.toString('latin1'));
    socket.on('data', read).resume();
    socket.write(encodeQuery(sql));
    await waitFor(() => answer.includes('Z\0\0\0\x05'), 10_000);
    socket.off('data', read);
    return answer;
  }

  it('lets us in over TLS with keys alone', async () => {
    const connection = await connected(address);
    expect(connection).toMatchObject({ address, identity });
    const sql = "select version || ' for ' || current_user from pg_stat_ssl where pid = pg_backend_pid()";
    expect(await ask(connection, sql)).toContain('TLSv1.3 for app');
    connection.socket.destroy();
  });

  it('cancels what a session is doing', async () => {
    const connection = await connected(address);
    const watcher = await connected(address);
    const answer = ask(connection, 'select pg_sleep(60)');
    const asleep = "select 'asleep: ' || count(*) from pg_stat_activity where wait_event = 'PgSleep'";
    await waitFor(async () => (await ask(watcher, asleep)).includes('asleep: 1'), 5_000);
    await sendCancel({ ...connection, signal: AbortSignal.timeout(5_000) }, network);
    expect(await answer).toContain('57014');
    connection.socket.destroy();
    watcher.socket.destroy();
  });
});

describe('a compute that has to prove itself by a certificate', () => {
  let leaks: LeakCheck;
  let server: ScriptedPostgres;
  beforeEach(() => {
    leaks = startLeakCheck();
  });
  afterEach(async () => {
    await server.stop();
    await leaks.expectNothingLeft();
  });

  async function start(...script: readonly Step[]): Promise<NodeAddress> {
    server = await startScriptedPostgres({ scripts: [script] });
    return server.address;
  }
  const healthy = () => steps.serve({ verifier, clusterName: 'whatever' });

  it('is believed with the right name, and asked for no other proof', async () => {
    const { socket } = await connected(await start(steps.encrypt(own), ...healthy()));
    expect(server.seen).toMatchObject({ tlsGranted: 1, logins: 1, queries: [] });
    socket.destroy();
  });

  it('is told nothing, not even a startup packet, when the name is another', async () => {
    const address = await start(steps.encrypt(foreign), ...healthy());
    expect(await codeOf(dial(address))).toBe('COMPUTE_IDENTITY_MISMATCH');
    expect(server.seen).toMatchObject({ tlsGranted: 1, startups: [] });
  });

  it('is told nothing when nobody we know has signed', async () => {
    const address = await start(steps.encrypt(own), ...healthy());
    const over = createComputeNetwork({ certificateAuthority: foreign.ca });
    expect(await codeOf(dial(address, over))).toBe('COMPUTE_IDENTITY_MISMATCH');
    expect(server.seen.startups).toEqual([]);
  });

  it('is told nothing when no authority is configured', async () => {
    const address = await start(steps.encrypt(own), ...healthy());
    expect(await codeOf(dial(address, createComputeNetwork()))).toBe('COMPUTE_IDENTITY_MISMATCH');
    expect(server.seen.tlsGranted).toBe(0);
  });

  it('is told nothing in plaintext', async () => {
    const address = await start(...healthy());
    expect(await codeOf(dial(address))).toBe('COMPUTE_IDENTITY_MISMATCH');
    expect(server.seen.startups).toEqual([]);
  });

  it.each([
    ['an error', encodeErrorResponse({ severity: 'FATAL', code: '28P01', message: 'your password, please' })],
    ['a yes with more behind it', Buffer.from('SR')],
    ['neither yes nor no', Buffer.from('X')],
  ])('is not listened to when it says %s in plaintext', async (_what, bytes) => {
    const address = await start(steps.send(bytes));
    expect(await codeOf(dial(address))).toBe('COMPUTE_PROTOCOL');
  });

  it('that closes in the handshake is dialled again like one that resets', async () => {
    const address = await start(steps.send(Buffer.from('S')), steps.close());
    expect(await codeOf(dial(address))).toBe('COMPUTE_RESET');
    expect(server.seen.closes).toBe(1);
  });

  it.each([
    ['before', []],
    ['in', [steps.send(Buffer.from('S'))]],
  ])('that is silent %s the handshake is left in time', async (_when, script: readonly Step[]) => {
    const address = await start(...script);
    const limit = new AbortController();
    const code = codeOf(dial(address, network, limit.signal));
    await waitFor(() => server.seen.accepted === 1, 5_000);
    limit.abort();
    expect(await code).toBe('COMPUTE_DIAL_TIMEOUT');
  });

  it('gets cancel requests over TLS', async () => {
    const address = await start(steps.encrypt(own), steps.startup());
    await sendCancel({ address, identity, backendKey, signal: AbortSignal.timeout(5_000) }, network);
    expect(server.seen).toMatchObject({ tlsGranted: 1, cancels: [{ pid: 4711 }] });
  });

  it('gets no cancel request when its name is another, because its key would let others cancel', async () => {
    const address = await start(steps.encrypt(foreign), steps.startup());
    const cancel = sendCancel({ address, identity, backendKey, signal: AbortSignal.timeout(5_000) }, network);
    await expect(cancel).rejects.toMatchObject({ code: 'COMPUTE_IDENTITY_MISMATCH' });
    expect(server.seen.cancels).toEqual([]);
  });
});

it('an authority that is no certificate is refused at the start', () => {
  expect(() => createComputeNetwork({ certificateAuthority: 'nonsense' })).toThrow(RangeError);
});
