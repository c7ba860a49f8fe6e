// Dials of scripted servers, mostly wrong ones. The dials of a real Postgres are in real-postgres.int.spec.ts.

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ScramKeys, checkPassword, deriveVerifier, parseVerifier } from '@pgwake/client-auth';
import { type DialOutcome, FreshNode } from '@pgwake/connect-core';
import { type EndpointId, type Generation, parseEndpointId, parseGeneration } from '@pgwake/ids';
import {
  concatBytes,
  encodeAuthenticationSasl,
  encodeBackendKeyData,
  encodeErrorResponse,
  encodeNoticeResponse,
  encodeParameterStatus,
  encodeReadyForQuery,
} from '@pgwake/pg-wire';
import {
  type LeakCheck,
  type ScriptedPostgres,
  type ScriptedPostgresOptions,
  type Step,
  startLeakCheck,
  startScriptedPostgres,
  steps,
  waitFor,
} from '@pgwake/testkit';
import type { ComputeIdentity, NodeAddress } from '@pgwake/wake-api';
import { type ComputeConnection, createComputeNetwork, createPgDial, sendCancel } from './index.js';

const clusterName = 'pgwake/demo/3';
const named: ComputeIdentity = { kind: 'clusterName', value: clusterName };
const notice = encodeNoticeResponse({ severity: 'NOTICE', code: '00000', message: 'hello' });
const backendKey = { pid: 4711, secret: Uint8Array.of(1, 2, 3, 4) };
const network = createComputeNetwork();

let verifier: string;
let keys: ScramKeys;
let leaks: LeakCheck;
let server: ScriptedPostgres;

beforeAll(async () => {
  verifier = await deriveVerifier('secret', { iterations: 1 });
  keys = await keysOf('secret', verifier);
});

beforeEach(() => {
  leaks = startLeakCheck();
});

afterEach(async () => {
  await server.stop();
  await leaks.expectNothingLeft();
});

async function keysOf(password: string, text: string): Promise<ScramKeys> {
  const parsed = parseVerifier(text);
  const found = parsed && (await checkPassword(password, parsed));
  if (found === undefined) throw new Error('the password does not fit');
  return found;
}

async function start(options: ScriptedPostgresOptions | readonly Step[]): Promise<NodeAddress> {
  server = await startScriptedPostgres('scripts' in options ? options : { scripts: [options] });
  return server.address;
}

interface DialSettings {
  readonly identity?: ComputeIdentity;
  readonly parameters?: readonly (readonly [string, string])[];
  readonly keys?: ScramKeys;
  readonly signal?: AbortSignal;
  readonly onServerByte?: () => void;
}

function dial(address: NodeAddress, settings: DialSettings = {}): Promise<DialOutcome<ComputeConnection>> {
  const { identity = named, parameters = [], signal = new AbortController().signal, onServerByte } = settings;
  const login = { user: 'app', database: 'shop', parameters, keys: settings.keys ?? keys };
  const mechanism = createPgDial(login, network);
  const node = new FreshNode({
    endpoint: parseEndpointId('demo') as EndpointId,
    generation: parseGeneration(3) as Generation,
    address,
    identity,
    issuedAtMs: 1,
    signature: undefined,
  });
  return mechanism.dialOnce(node, { signal, onServerByte: onServerByte ?? (() => undefined) });
}

async function connection(outcome: Promise<DialOutcome<ComputeConnection>>): Promise<ComputeConnection> {
  const result = await outcome;
  if (!result.ok) throw new Error(`${result.failure.error.code}: ${result.failure.error.detail}`);
  return result.connection;
}

async function codeOf(outcome: Promise<DialOutcome<ComputeConnection>>): Promise<string> {
  const result = await outcome;
  if (result.ok) {
    result.connection.socket.destroy();
    return 'connected';
  }
  expect(result.failure.proven).toBe(false);
  return result.failure.error.code;
}

describe('a dial', () => {
  it('logs in, proves whom it reached and hands over a quiet socket', async () => {
    const address = await start(steps.serve({ verifier, clusterName }));
    let serverBytesSeen = 0;
    const onServerByte = () => void (serverBytesSeen += 1);
    const {
      socket,
      carrier,
      reads: _reads,
      greeting,
      residue,
      ...rest
    } = await connection(dial(address, { onServerByte }));

    expect(rest).toEqual({
      address,
      identity: named,
      generation: 3,
      backendKey: { pid: 4711, secret: expect.objectContaining({ length: 4 }) },
    });
    expect(Buffer.from(greeting)).toEqual(
      Buffer.concat([
        encodeParameterStatus({ name: 'server_version', value: '18.4' }),
        encodeParameterStatus({ name: 'client_encoding', value: 'UTF8' }),
      ]),
    );
    expect(residue).toHaveLength(0);
    expect(serverBytesSeen).toBe(1);
    expect(socket.isPaused()).toBe(true);
    expect(socket.listenerCount('data')).toBe(0);
    expect(socket.listenerCount('readable')).toBe(0);
    expect(socket.listenerCount('error')).toBe(1);
    expect(server.seen).toMatchObject({ logins: 1, queries: ['SHOW cluster_name'], open: 1 });
    socket.destroy();
  });

  it('goes over a unix socket too', async () => {
    const socketDirectory = await mkdtemp(join(tmpdir(), 'pgwake-'));
    const address = await start({ socketDirectory, scripts: [steps.serve({ verifier, clusterName })] });
    expect(await codeOf(dial(address))).toBe('connected');
    await rm(socketDirectory, { recursive: true });
  });

  it('goes to a host by its name', async () => {
    const address = await start(steps.serve({ verifier, clusterName }));
    expect(await codeOf(dial({ ...address, host: 'localhost' } as NodeAddress))).toBe('connected');
  });

  it('sends the parameters of the client, save those that are not for the compute', async () => {
    const address = await start(steps.serve({ verifier, clusterName }));
    const parameters = [
      ['application_name', 'x'],
      ['user', 'somebody else'],
      ['database', 'another'],
      ['_pq_.extension', '1'],
      ['replication', 'database'],
    ] as const;
    expect(await codeOf(dial(address, { parameters }))).toBe('connected');
    expect(server.seen.startups).toEqual([
      [
        ['user', 'app'],
        ['database', 'shop'],
        ['application_name', 'x'],
        ['replication', 'database'],
      ],
    ]);
  });

  it('asks for no proof where none can be given', async () => {
    const address = await start(steps.serve({ verifier, clusterName: 'whatever' }));
    expect(await codeOf(dial(address, { identity: { kind: 'unproven' } }))).toBe('connected');
    expect(server.seen).toMatchObject({ logins: 1, queries: [] });
  });

  it('loses no byte that follows the login', async () => {
    const late = Buffer.alloc(300_000, 'late');
    const address = await start([
      steps.startup(),
      steps.authenticate(verifier),
      steps.greet(),
      steps.answerOnce(concatBytes(steps.encodeRow('cluster_name', clusterName), Buffer.from('early'), late)),
      steps.close(),
    ]);
    const { socket, residue } = await connection(dial(address));
    // Everything has arrived, and the end too, before anybody listens.
    await waitFor(() => server.seen.closes === 1, 1_000);
    for (let turn = 0; turn < 10; turn += 1) await nextTurn();
    expect(Buffer.from(residue).subarray(0, 5).toString()).toBe('early');

    const chunks: Uint8Array[] = [residue];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.resume();
    await once(socket, 'end');
    expect(Buffer.concat(chunks)).toEqual(Buffer.concat([Buffer.from('early'), late]));
    socket.destroy();
  });

  it('hands over whatever the size of the pieces it came in', async () => {
    const reply = (bytes: Uint8Array): Step => {
      return async (scripted) => {
        for (const byte of bytes) {
          await scripted.write(Uint8Array.of(byte));
          await nextTurn();
        }
      };
    };
    const address = await start([
      steps.startup(),
      steps.authenticate(verifier),
      reply(concatBytes(notice, encodeBackendKeyData(backendKey), encodeReadyForQuery())),
      reply(concatBytes(steps.encodeRow('cluster_name', clusterName), Buffer.from('Nxyz'))),
    ]);
    const { socket, greeting, residue } = await connection(dial(address));
    expect(Buffer.from(greeting)).toEqual(Buffer.from(notice));
    const rest: Uint8Array[] = [residue];
    socket.on('data', (chunk: Buffer) => rest.push(chunk));
    socket.resume();
    await waitFor(() => Buffer.concat(rest).length === 4, 1_000);
    expect(Buffer.concat(rest).toString()).toBe('Nxyz');
    socket.destroy();
  });

  it('survives a reset between its end and the next owner', async () => {
    const address = await start([
      ...steps.serve({ verifier, clusterName }).slice(0, 3),
      steps.answerOnce(steps.encodeRow('c', clusterName)),
      steps.reset(),
    ]);
    const { socket } = await connection(dial(address));
    await waitFor(() => server.seen.resets === 1, 1_000);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume(); // a paused socket reads nothing, the reset neither
    await closed;
    expect(socket.errored).toMatchObject({ code: 'ECONNRESET' });
  });

  it('keeps notices of the login, and not those about its own query', async () => {
    const parameter = encodeParameterStatus({ name: 'work_mem', value: '8MB' });
    const address = await start([
      steps.startup(),
      steps.authenticate(verifier),
      steps.send(notice),
      steps.greet({}),
      steps.answerOnce(concatBytes(notice, parameter, notice, steps.encodeRow('cluster_name', clusterName))),
    ]);
    const { socket, greeting } = await connection(dial(address));
    expect(Buffer.from(greeting)).toEqual(Buffer.concat([notice, parameter]));
    socket.destroy();
  });

  it('says goodbye to a compute that nobody wants any more', async () => {
    const address = await start(steps.serve({ verifier, clusterName }));
    const dialled = await connection(dial(address));
    createPgDial({ user: 'app', database: 'shop', parameters: [], keys }, network).discard(dialled);
    await waitFor(() => server.seen.farewells === 1 && server.seen.open === 0, 1_000);
  });
});

describe('the proof', () => {
  const timeout = () => steps.failQuery('57014', 'canceling statement due to statement timeout');

  it('fails for a compute with another name', async () => {
    const address = await start(steps.serve({ verifier, clusterName: 'pgwake/other/3' }));
    expect(await codeOf(dial(address))).toBe('COMPUTE_IDENTITY_MISMATCH');
    expect(server.seen.logins).toBe(1);
  });

  it('is repeated three times when a statement_timeout of the client hits it', async () => {
    const before = [steps.startup(), steps.authenticate(verifier), steps.greet()];
    const address = await start({
      scripts: [
        [...before, timeout(), timeout(), timeout(), steps.answerQueries(clusterName)],
        [...before, timeout(), timeout(), timeout(), timeout()],
      ],
    });
    expect(await codeOf(dial(address))).toBe('connected');
    expect(server.seen.queries).toHaveLength(4);
    expect(await codeOf(dial(address))).toBe('COMPUTE_SAID_NO');
    expect(server.seen.errors).toHaveLength(7);
  });

  it('is not repeated for any other error', async () => {
    const address = await start([
      steps.startup(),
      steps.authenticate(verifier),
      steps.greet(),
      steps.failQuery('42501', 'permission denied'),
    ]);
    expect(await codeOf(dial(address))).toBe('COMPUTE_SAID_NO');
    expect(server.seen.errors).toEqual(['42501']);
  });
});

describe('a dial fails with', () => {
  it('COMPUTE_REFUSED when nobody listens, on TCP and on a unix socket', async () => {
    const address = await start([]);
    await server.refuse();
    expect(await codeOf(dial(address))).toBe('COMPUTE_REFUSED');
    const nowhere = { kind: 'unix', socketDirectory: '/nonexistent', port: 5432 } as const;
    expect(await codeOf(dial(nowhere))).toBe('COMPUTE_REFUSED');
    expect(server.seen.accepted).toBe(0);
  });

  it('COMPUTE_FULL while a unix socket can queue no more connections', async () => {
    const socketDirectory = await mkdtemp(join(tmpdir(), 'pgwake-'));
    const address = await start({ socketDirectory, backlog: 1, scripts: [steps.serve({ verifier, clusterName })] });
    // All at once: nothing is accepted before the last of them has tried to connect.
    const codes = await Promise.all(Array.from({ length: 10 }, () => codeOf(dial(address))));
    expect(new Set(codes)).toEqual(new Set(['connected', 'COMPUTE_FULL']));
    expect(server.seen.accepted).toBe(codes.filter((code) => code === 'connected').length);
    await rm(socketDirectory, { recursive: true });
  });

  it('DNS_FAILED for a name that does not resolve', async () => {
    await start([]);
    expect(await codeOf(dial({ kind: 'tcp', host: 'nothing.invalid', port: 5432 }))).toBe('DNS_FAILED');
  });

  it('INTERNAL, without throwing, for an address that Node refuses', async () => {
    await start([]);
    expect(await codeOf(dial({ kind: 'tcp', host: '127.0.0.1', port: 70_000 }))).toBe('INTERNAL');
  });

  it.each([
    ['resets at once', [steps.reset()], { resets: 1 }],
    ['closes at once', [steps.close()], { closes: 1 }],
    ['closes after the startup message', [steps.startup(), steps.close()], { closes: 1 }],
  ])('COMPUTE_RESET when the compute %s', async (_, script, seen) => {
    expect(await codeOf(dial(await start(script)))).toBe('COMPUTE_RESET');
    expect(server.seen).toMatchObject(seen);
  });

  it.each([
    ['57P03', 'COMPUTE_STARTING'],
    ['57P01', 'COMPUTE_SHUTTING_DOWN'],
    ['53300', 'COMPUTE_FULL'],
    ['28000', 'COMPUTE_REJECTED_LOGIN'],
    ['3D000', 'COMPUTE_SAID_NO'],
  ])('the compute’s %s as %s', async (sqlState, expected) => {
    let serverBytesSeen = 0;
    const onServerByte = () => void (serverBytesSeen += 1);
    const address = await start([steps.startup(), steps.fail(sqlState)]);
    expect(await codeOf(dial(address, { onServerByte }))).toBe(expected);
    expect(server.seen.errors).toEqual([sqlState]);
    expect(serverBytesSeen).toBe(0);
  });

  it('what the compute said after it let the login in', async () => {
    const script = [steps.startup(), steps.authenticate(verifier), steps.fail('53300')];
    expect(await codeOf(dial(await start(script)))).toBe('COMPUTE_FULL');
    expect(server.seen).toMatchObject({ logins: 1, errors: ['53300'] });
  });

  it('COMPUTE_REJECTED_LOGIN for the wrong keys', async () => {
    const address = await start(steps.serve({ verifier, clusterName }));
    const others = await keysOf('other', await deriveVerifier('other', { iterations: 1 }));
    expect(await codeOf(dial(address, { keys: others }))).toBe('COMPUTE_REJECTED_LOGIN');
    expect(server.seen).toMatchObject({ logins: 0, errors: ['28P01'] });
  });

  it('COMPUTE_IDENTITY_MISMATCH when the compute cannot prove that it knows the keys', async () => {
    const forged = verifier.replace(/:[^:]*$/, `:${Buffer.alloc(32, 7).toString('base64')}`);
    expect(await codeOf(dial(await start(steps.serve({ verifier: forged, clusterName }))))).toBe(
      'COMPUTE_IDENTITY_MISMATCH',
    );
    expect(server.seen.logins).toBe(1);
  });

  it('COMPUTE_RESET, never with a hang, wherever the connection is cut', async () => {
    const healthy = steps.serve({ verifier, clusterName });
    const whole = await connection(dial(await start(healthy)));
    const cuts = Array.from({ length: Math.floor(whole.socket.bytesRead / 3) }, (_, index) => index * 3 + 1);
    whole.socket.destroy();
    await server.stop();

    const how = (bytes: number) => (bytes % 2 === 0 ? 'reset' : 'close');
    const address = await start({ scripts: cuts.map((bytes) => [steps.cutAfter(bytes, how(bytes)), ...healthy]) });
    for (const bytes of cuts) expect([bytes, await codeOf(dial(address))]).toEqual([bytes, 'COMPUTE_RESET']);
    expect(server.seen.resets).toBe(cuts.filter((bytes) => how(bytes) === 'reset').length);
    expect(server.seen.closes).toBe(cuts.filter((bytes) => how(bytes) === 'close').length);
    expect(cuts.length).toBeGreaterThan(100);
  });
});

describe('an attempt that is called off', () => {
  it.each([
    ['before anything was sent', []],
    ['in the middle of the login', [steps.startup(), steps.send(encodeAuthenticationSasl(['SCRAM-SHA-256']))]],
  ])('%s leaves no socket behind', async (_, script) => {
    const address = await start(script);
    const limit = new AbortController();
    const outcome = codeOf(dial(address, { signal: limit.signal }));
    await waitFor(() => server.seen.accepted === 1, 1_000);
    limit.abort(new Error('out of time'));
    expect(await outcome).toBe('COMPUTE_DIAL_TIMEOUT');
    await waitFor(() => server.seen.open === 0, 1_000);
  });

  it('before it began connects to nobody', async () => {
    const address = await start([]);
    expect(await codeOf(dial(address, { signal: AbortSignal.abort() }))).toBe('COMPUTE_DIAL_TIMEOUT');
    expect(server.seen.accepted).toBe(0);
  });

  it('after its end does not touch the connection', async () => {
    const address = await start(steps.serve({ verifier, clusterName }));
    const limit = new AbortController();
    const { socket } = await connection(dial(address, { signal: limit.signal }));
    limit.abort();
    expect(socket.destroyed).toBe(false);
    socket.destroy();
  });
});

describe('a compute that says why it closes', () => {
  it('may be heard even when it resets', async () => {
    const error = encodeErrorResponse({ severity: 'FATAL', code: '57P03', message: 'starting' });
    const script = [steps.startup(), steps.send(error), steps.reset()];
    expect(['COMPUTE_STARTING', 'COMPUTE_RESET']).toContain(await codeOf(dial(await start(script))));
    expect(server.seen.resets).toBe(1);
  });
});

describe('sendCancel', () => {
  const never = new AbortController().signal;

  it('quotes the key and waits until the compute has closed', async () => {
    const address = await start([steps.startup()]);
    await sendCancel({ address, identity: named, backendKey, signal: never }, network);
    expect(server.seen.cancels).toEqual([{ pid: 4711, secret: expect.objectContaining({ length: 4 }) }]);
  });

  it('rejects when nobody is there', async () => {
    const address = await start([]);
    await server.refuse();
    await expect(sendCancel({ address, identity: named, backendKey, signal: never }, network)).rejects.toMatchObject({
      code: 'COMPUTE_REFUSED',
    });
  });

  it('gives up when it is told to', async () => {
    const address = await start([]);
    const limit = new AbortController();
    const cancel = sendCancel({ address, identity: named, backendKey, signal: limit.signal }, network);
    const rejected = expect(cancel).rejects.toMatchObject({ code: 'COMPUTE_DIAL_TIMEOUT' });
    await waitFor(() => server.seen.accepted === 1, 1_000);
    limit.abort();
    await rejected;
  });
});
