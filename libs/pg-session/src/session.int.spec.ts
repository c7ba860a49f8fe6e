// Sessions on real sockets, with real drivers in front and a real Postgres behind. Only wake-service is played.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Socket } from 'node:net';
import { type AddressInfo, type Server, connect, createServer } from 'node:net';
import { randomUUID } from 'node:crypto';
import { CancelKeys, keyOf, nameOf } from '@pgwake/cancel-keys';
import { createScramClient, deriveVerifier, makeMockVerifier, formatVerifier } from '@pgwake/client-auth';
import { type Clock, type NodeCachePort, type NodeInfo, createConnector } from '@pgwake/connect-core';
import { GatewayError } from '@pgwake/gateway-errors';
import type { EndpointId, Generation, SessionId } from '@pgwake/ids';
import { createMemoryNodeCache } from '@pgwake/node-cache';
import { createPasswordCheck } from '@pgwake/password-check';
import {
  concatBytes,
  encodeCancelRequest,
  encodePasswordMessage,
  encodeQuery,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeSslRequest,
  encodeStartupMessage,
  encodeTerminate,
  parseErrorFields,
} from '@pgwake/pg-wire';
import { ClientLimits, type ClientLimitsSettings, type Limit, type Visit } from '@pgwake/limits';
import { type DialAheadResult, type ProbeResult, createComputeNetwork, probeCompute } from '@pgwake/pg-dial';
import { type LeakCheck, type TestPostgres, startLeakCheck, startTestPostgres, waitFor } from '@pgwake/testkit';
import type { WakeOutcome } from '@pgwake/wake-api';
import pg from 'pg';
import {
  type ClearPasswordLogin,
  type ClientTransport,
  LoginsAhead,
  type Session,
  type SessionDeps,
  type SessionFacts,
  type SessionOutcome,
  SilenceWatch,
  SocketDuplex,
  StallWatch,
  startSession,
} from './index.js';

const clusterName = 'pgwake/demo/1';
const password = 'correct horse';

let postgres: TestPostgres;
let verifier: string;
let leaks: LeakCheck;
const gateways: Gateway[] = [];

beforeAll(async () => {
  verifier = await deriveVerifier(password);
  postgres = await startTestPostgres({
    settings: { cluster_name: clusterName },
    roles: [{ name: 'app', password: verifier }],
  });
});
afterAll(() => postgres?.stop());
beforeEach(() => {
  leaks = startLeakCheck();
});
afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.close()));
  await leaks.expectNothingLeft();
});

type OpenSession = Session & { readonly ended: Promise<void> };

function openSession(transport: ClientTransport, deps: SessionDeps, visit: Visit): OpenSession {
  let markEnded = () => {};
  const ended = new Promise<void>((resolve) => (markEnded = resolve));
  const session = startSession(transport, randomUUID() as string as SessionId, deps, visit, () => markEnded());
  return Object.assign(session, { ended });
}

interface Gateway {
  readonly port: number;
  readonly sessions: OpenSession[];
  readonly outcomes: { facts: SessionFacts; outcome: SessionOutcome }[];
  readonly wakes: { signal: AbortSignal }[];
  readonly cancelKeys: CancelKeys;
  readonly limits: ClientLimits;
  readonly refusals: readonly Limit[];
  readonly cache: NodeCachePort;
  /** Of the computes that were dialled ahead. */
  readonly ahead: readonly DialAheadResult[];
  /** Lets the wakes that wait go on. */
  wakeUp(): void;
  close(): Promise<void>;
}

const clock: Clock = {
  now: () => performance.now(),
  sleep: (delay, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, delay);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason as Error);
      });
    }),
  timeout: (delay, parent) => {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new Error('time')), delay);
    return { signal: AbortSignal.any([controller.signal, parent]), release: () => clearTimeout(timer) };
  },
};

type GatewayOptions = {
  readonly asleep?: boolean;
  readonly disabled?: boolean;
  readonly allowedNetworks?: readonly string[];
  readonly limits?: ClientLimitsSettings;
  /** Of logins, for those that follow. */
  readonly remembersKeys?: boolean;
} & Partial<SessionDeps>;

async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const { asleep = false, disabled = false, allowedNetworks = [], remembersKeys = true, ...others } = options;
  const { limits: limitSettings = {}, ...overrides } = others;
  const refusals: Limit[] = [];
  const limits = new ClientLimits(limitSettings, { clock, onRefusal: (limit) => refusals.push(limit) });
  let wakeUp = () => {};
  const awake = asleep ? new Promise<void>((resolve) => (wakeUp = resolve)) : Promise.resolve();
  const wakes: Gateway['wakes'] = [];
  const outcomes: Gateway['outcomes'] = [];
  const cancelKeys = new CancelKeys();
  const mock = formatVerifier(makeMockVerifier(new Uint8Array(32), 'x', 'y'));
  const access: SessionDeps['access'] = {
    getEndpointAccess: async ({ endpoint, role }) => ({
      verifier: endpoint === 'demo' && role === 'app' ? verifier : mock,
      disabled,
      allowedNetworks: endpoint === 'demo' ? allowedNetworks : [],
    }),
  };
  const ahead: DialAheadResult[] = [];
  const cache = createMemoryNodeCache({ maxEntries: 10, maxAgeMs: 60_000, clock });
  const network = createComputeNetwork();
  const connector = createConnector({
    cache,
    wake: {
      async wake({ endpoint }, signal): Promise<WakeOutcome> {
        wakes.push({ signal });
        await Promise.race([awake, new Promise((_, reject) => signal.addEventListener('abort', reject))]);
        return {
          ok: true,
          node: {
            endpoint,
            generation: 1 as Generation,
            address: { kind: 'tcp', host: postgres.host, port: postgres.port },
            identity: { kind: 'clusterName', value: clusterName },
            issuedAtMs: Date.now(),
            signature: undefined,
            startKind: 'started',
          },
        };
      },
    },
    clock,
    random: Math.random,
  });
  const deps: SessionDeps = {
    access,
    passwords: createPasswordCheck({ access, verifiers: 'live', now: () => clock.now() }),
    connector,
    network,
    loginsAhead: new LoginsAhead({
      connector,
      network,
      remembersKeys,
      onResult: (result) => ahead.push(result),
      now: clock.now,
    }),
    cancelKeys,
    stallWatch: new StallWatch(0),
    silenceWatch: new SilenceWatch(0, () => Promise.resolve('failed')),
    authentication: { domains: ['localhost'], requireTls: 'never', passwordMethod: 'scram', passwordForm: 'loopback' },
    loginTimeoutMs: 5_000,
    wakeNoticeAfterMs: 0,
    observer: { connected: () => undefined, ended: (facts, outcome) => void outcomes.push({ facts, outcome }) },
    ...overrides,
  };
  const sessions: OpenSession[] = [];
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const peer = { address: '127.0.0.1', loopback: true };
    const transport = { duplex: new SocketDuplex(socket), peer, encryption: { kind: 'unavailable' } } as const;
    const entry = limits.enter(peer.address);
    if (entry.kind === 'turnedAway') return void socket.destroy();
    sessions.push(openSession(transport, deps, entry.visit));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const gateway = {
    port: (server.address() as AddressInfo).port,
    sessions,
    outcomes,
    wakes,
    cancelKeys,
    limits,
    refusals,
    cache,
    ahead,
    wakeUp: () => wakeUp(),
    async close() {
      server.close();
      for (const session of sessions) session.end();
      await Promise.all(sessions.map((session) => session.ended));
    },
  };
  gateways.push(gateway);
  return gateway;
}

function clientOf(gateway: Gateway, overrides: pg.ClientConfig = {}): pg.Client {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: gateway.port,
    user: 'app',
    database: 'app',
    password,
    options: 'endpoint=demo',
    ...overrides,
  });
  client.on('error', () => undefined);
  return client;
}

/** A client that speaks bytes, and keeps what it hears. */
class RawClient {
  readonly socket: Socket;
  heard = Buffer.alloc(0);
  ended = false;

  constructor(gateway: Gateway) {
    this.socket = connect({ port: gateway.port, host: '127.0.0.1' });
    this.socket.on('data', (chunk) => (this.heard = Buffer.concat([this.heard, chunk])));
    this.socket.on('end', () => (this.ended = true));
    this.socket.on('error', () => undefined);
  }

  say(...parts: Uint8Array[]): this {
    this.socket.write(concatBytes(...parts));
    return this;
  }

  async untilEnd(): Promise<Buffer> {
    await waitFor(() => this.ended, 6_000);
    return this.heard;
  }
}

const startup = (user = 'app', options = 'endpoint=demo', minor = 0) =>
  encodeStartupMessage(
    [
      ['user', user],
      ['database', 'app'],
      ['options', options],
    ],
    minor,
  );

function errorIn(bytes: Buffer): { code: string; message: string } {
  const at = bytes.indexOf('E'.charCodeAt(0));
  const fields = parseErrorFields(bytes.subarray(at + 5, at + 1 + bytes.readUInt32BE(at + 1)));
  if (fields.kind === 'violation') throw new Error(fields.what);
  return { code: fields.value.code, message: fields.value.message };
}

describe('a client of a sleeping endpoint', () => {
  it('is authenticated before anything wakes, waits, and then works with the compute', async () => {
    const gateway = await startGateway({ asleep: true });
    const client = clientOf(gateway);
    const connected = client.connect();
    await waitFor(() => gateway.wakes.length === 1, 3_000);
    gateway.wakeUp();
    await connected;
    const { rows } = await client.query('select current_user as who, current_database() as db');
    expect(rows).toEqual([{ who: 'app', db: 'app' }]);
    await client.end();
    await gateway.sessions[0]?.ended;
    expect(gateway.outcomes[0]?.outcome).toMatchObject({
      kind: 'relayed',
      ending: { endedBy: 'client', atEnd: 'idle' },
    });
    expect(gateway.cancelKeys.size).toBe(0);
  });

  it('is told that its database is waking, if that takes long, and only then', async () => {
    const gateway = await startGateway({ asleep: true, wakeNoticeAfterMs: 30 });
    const client = clientOf(gateway);
    const notices: unknown[] = [];
    client.on('notice', (notice) => notices.push(notice.message));
    const connected = client.connect();
    await waitFor(() => notices.length > 0, 3_000);
    gateway.wakeUp();
    await connected;
    await client.end();
    expect(notices).toEqual(['the database is waking up']);
  });

  it('frees its wait at once when it leaves', async () => {
    const gateway = await startGateway({ asleep: true });
    const client = clientOf(gateway);
    client.connect().catch(() => undefined);
    await waitFor(() => gateway.wakes.length === 1, 3_000);
    (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
    await gateway.sessions[0]?.ended;
    expect(gateway.wakes[0]?.signal.aborted).toBe(true);
    expect(gateway.outcomes[0]?.outcome).toMatchObject({ kind: 'refused', error: { code: 'CLIENT_GONE' } });
  });

  it('may say goodbye while it waits', async () => {
    const gateway = await startGateway({ asleep: true });
    const client = clientOf(gateway);
    client.connect().catch(() => undefined);
    await waitFor(() => gateway.wakes.length === 1, 3_000);
    (client as unknown as { connection: { stream: Socket } }).connection.stream.write(encodeTerminate());
    await waitFor(() => gateway.wakes[0]?.signal.aborted === true, 3_000);
    await client.end().catch(() => undefined);
  });

  it('loses nothing of what it sends before it is connected', async () => {
    const gateway = await startGateway({ asleep: true });
    const client = clientOf(gateway);
    const connected = client.connect();
    await waitFor(() => gateway.wakes.length === 1, 3_000);
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
    const heard = new Promise<string>((resolve) => {
      let text = '';
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
        if (text.includes('early bird')) resolve(text);
      });
    });
    const sql = Buffer.from("select 'early bird'\0");
    const header = Buffer.alloc(5);
    header.write('Q');
    header.writeUInt32BE(sql.length + 4, 1);
    stream.write(Buffer.concat([header, sql]));
    gateway.wakeUp();
    await connected;
    expect(await heard).toContain('early bird');
    stream.destroy();
  });
});

describe('a login', () => {
  it.each([
    ['wrong password', { password: 'wrong' }],
    ['unknown role', { user: 'nobody' }],
    ['unknown endpoint', { options: 'endpoint=other' }],
  ])('with %s fails as a wrong password does and wakes nothing', async (_what, overrides: pg.ClientConfig) => {
    const gateway = await startGateway();
    const user = overrides.user ?? 'app';
    await expect(clientOf(gateway, overrides).connect()).rejects.toMatchObject({
      code: '28P01',
      severity: 'FATAL',
      message: `password authentication failed for user "${user}"`,
    });
    expect(gateway.wakes).toHaveLength(0);
  });

  it('from outside the allowed networks is refused before any proof is asked for', async () => {
    const gateway = await startGateway({ allowedNetworks: ['192.0.2.0/24', '2001:db8::/32'] });
    const heard = await new RawClient(gateway).say(startup()).untilEnd();
    expect(String.fromCharCode(heard[0] ?? 0)).toBe('E');
    expect(errorIn(heard)).toEqual({
      code: '28000',
      message: 'this network address is not allowed to connect to this endpoint',
    });
    const inPassword = clientOf(gateway, { options: '', password: `endpoint=demo;${password}` });
    await expect(inPassword.connect()).rejects.toMatchObject({ code: '28000' });
    expect(gateway.wakes).toHaveLength(0);
  });

  it('from inside the allowed networks goes on as any other', async () => {
    const gateway = await startGateway({ allowedNetworks: ['192.0.2.0/24', '127.0.0.0/8'] });
    await expect(clientOf(gateway, { password: 'wrong' }).connect()).rejects.toMatchObject({ code: '28P01' });
    const client = clientOf(gateway);
    await client.connect();
    await client.end();
  });

  it('gives the startup parameters to the compute', async () => {
    const gateway = await startGateway();
    const client = clientOf(gateway, {
      application_name: 'the app',
      options: String.raw`-c search_path=a,b endpoint=demo -c work_mem=3MB`,
    });
    await client.connect();
    const { rows } = await client.query(
      "select current_setting('application_name') a, current_setting('search_path') s, current_setting('work_mem') w",
    );
    expect(rows).toEqual([{ a: 'the app', s: 'a,b', w: '3MB' }]);
    await client.end();
  });

  it('without an endpoint is told how to name one', async () => {
    const gateway = await startGateway({
      authentication: { domains: ['localhost'], requireTls: 'never', passwordMethod: 'scram', passwordForm: 'tls' },
    });
    await expect(clientOf(gateway, { options: '' }).connect()).rejects.toMatchObject({
      code: '08004',
      hint: expect.stringContaining('options=endpoint=<id>') as unknown,
    });
  });

  it.each([';', '$'])('may name the endpoint in its password, separated by %s', async (separator) => {
    const gateway = await startGateway();
    const client = clientOf(gateway, { options: '', password: `endpoint=demo${separator}${password}` });
    await client.connect();
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await client.end();
  });

  it('in the password form fails for a wrong password as any other login does', async () => {
    const gateway = await startGateway();
    const login = clientOf(gateway, { options: '', password: 'endpoint=demo;wrong' }).connect();
    await expect(login).rejects.toMatchObject({ code: '28P01' });
    expect(gateway.wakes).toHaveLength(0);
  });

  const cleartext = {
    domains: ['localhost'],
    requireTls: 'never',
    passwordMethod: 'cleartext',
    passwordForm: 'loopback',
  } as const;

  it('in clear text may come with the first query in one write, and loses nothing of it', async () => {
    const gateway = await startGateway({ authentication: cleartext });
    const client = new RawClient(gateway).say(
      startup(),
      encodePasswordMessage(password),
      encodeQuery("select 'in one write'"),
      encodeTerminate(),
    );
    const heard = await client.untilEnd();
    // Asked for a password in clear text, then AuthenticationOk.
    expect(heard.subarray(0, 18).toString('latin1')).toBe('R\0\0\0\x08\0\0\0\x03R\0\0\0\x08\0\0\0\0');
    expect(heard.includes('in one write')).toBe(true);
    client.socket.destroy();
  });

  it('in clear text fails with the same bytes for a wrong password, an unknown role and an unknown endpoint', async () => {
    const gateway = await startGateway({ authentication: cleartext });
    const fail = async (...said: Uint8Array[]) => {
      const client = new RawClient(gateway).say(...said, encodeQuery('select 1'));
      const heard = await client.untilEnd();
      client.socket.destroy();
      return heard;
    };
    const wrong = await fail(startup(), encodePasswordMessage('wrong'));
    expect(errorIn(wrong).code).toBe('28P01');
    expect(await fail(startup('app', 'endpoint=other'), encodePasswordMessage(password))).toEqual(wrong);
    expect(await fail(startup(), encodePasswordMessage(''))).toEqual(wrong);
    expect(await fail(startup('xxx'), encodePasswordMessage(password))).toEqual(
      Buffer.from(wrong.toString('latin1').replace('"app"', '"xxx"'), 'latin1'),
    );
    expect(gateway.wakes).toHaveLength(0);
  });

  it('in clear text is proved by the port that was given for it, and no verifier is asked for here', async () => {
    const logins: ClearPasswordLogin[] = [];
    const gateway = await startGateway({
      authentication: cleartext,
      access: { getEndpointAccess: () => Promise.reject(new Error('nobody is to ask')) },
      passwords: {
        prove(login) {
          logins.push(login);
          return Promise.reject(new GatewayError('RATE_LIMITED'));
        },
      },
    });
    const client = new RawClient(gateway).say(startup(), encodePasswordMessage(password));
    expect(errorIn((await client.untilEnd()).subarray(9))).toMatchObject({ code: '53300' });
    expect(logins).toMatchObject([{ endpoint: 'demo', role: 'app', password, address: '127.0.0.1' }]);
    client.socket.destroy();
  });

  it.each([
    ['by SCRAM', {}],
    ['in clear text', { authentication: cleartext }],
  ])('that is right is told %s that its endpoint is disabled, a wrong one is not', async (_how, options) => {
    const gateway = await startGateway({ ...options, disabled: true });
    await expect(clientOf(gateway).connect()).rejects.toMatchObject({ code: '08004' });
    await expect(clientOf(gateway, { password: 'wrong' }).connect()).rejects.toMatchObject({ code: '28P01' });
    expect(gateway.wakes).toHaveLength(0);
  });

  it('is asked for by SCRAM without TLS, where clear text is for TLS only', async () => {
    const gateway = await startGateway({ authentication: { ...cleartext, passwordMethod: 'cleartext-over-tls' } });
    const client = new RawClient(gateway).say(startup());
    await waitFor(() => client.heard.includes('SCRAM-SHA-256'), 3_000);
    client.socket.destroy();
  });

  it('gets the words of the compute when the database does not exist', async () => {
    const gateway = await startGateway();
    await expect(clientOf(gateway, { database: 'nope' }).connect()).rejects.toMatchObject({
      code: '3D000',
      message: 'database "nope" does not exist',
    });
  });

  it('without TLS is refused where TLS is required', async () => {
    const gateway = await startGateway({
      authentication: { domains: ['localhost'], requireTls: 'always', passwordMethod: 'scram', passwordForm: 'tls' },
    });
    await expect(clientOf(gateway).connect()).rejects.toMatchObject({ code: '28000' });
  });

  it('that takes too long is ended, however the bytes drip', async () => {
    const gateway = await startGateway({ loginTimeoutMs: 150 });
    const client = new RawClient(gateway);
    const drip = setInterval(() => client.say(Uint8Array.of(0)), 20);
    client.say(Uint8Array.of(0, 0, 0, 200));
    expect(errorIn(await client.untilEnd()).message).toContain('not set up in time');
    clearInterval(drip);
    client.socket.destroy();
  });

  it('that wake-service answers too late is not the client’s fault', async () => {
    const access: SessionDeps['access'] = {
      getEndpointAccess: (_, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    };
    const gateway = await startGateway({ loginTimeoutMs: 150, access });
    await expect(clientOf(gateway).connect()).rejects.toMatchObject({ code: '08001' });
    await waitFor(() => gateway.outcomes.length === 1, 1_000);
    expect(gateway.outcomes).toMatchObject([{ outcome: { error: { code: 'WAKE_SERVICE_UNAVAILABLE' } } }]);
  });
});

describe('a compute', () => {
  async function logIn(gateway: Gateway, config: pg.ClientConfig = {}): Promise<void> {
    const client = clientOf(gateway, config);
    try {
      await client.connect();
      await client.query('select 1');
    } finally {
      await client.end();
    }
  }

  /** Its session is over too, so all that is counted of it has been. */
  async function logInAndLeave(gateway: Gateway, config?: pg.ClientConfig): Promise<void> {
    await logIn(gateway, config);
    await gateway.sessions.at(-1)?.ended;
  }

  it('is dialled while its client computes the proof, once somebody has logged in from there', async () => {
    const gateway = await startGateway();
    await logInAndLeave(gateway);
    expect(gateway.ahead).toEqual([]);
    await logInAndLeave(gateway);
    await logInAndLeave(gateway);
    expect(gateway.ahead).toEqual(['used', 'used']);
    expect(gateway.wakes).toHaveLength(1);
  });

  it.each([
    { remembersKeys: true, what: 'the whole login' },
    { remembersKeys: false, what: 'no more than its start' },
  ])('sees $what before the proof, where keys are remembered: $remembersKeys', async ({ remembersKeys }) => {
    const gateway = await startGateway({ remembersKeys });
    await logInAndLeave(gateway);
    await waitFor(async () => (await sessionsOfApp()) === 0, 3_000);
    const client = new RawClient(gateway).say(startup());
    await waitFor(() => client.heard.includes('SCRAM-SHA-256'), 3_000);
    const loggedIn = waitFor(async () => (await sessionsOfApp()) === 1, remembersKeys ? 3_000 : 300);
    if (remembersKeys) await loggedIn;
    else await expect(loggedIn).rejects.toThrow('not within');
    client.socket.destroy();
    await gateway.sessions.at(-1)?.ended;
    expect(gateway.ahead).toEqual(['unused']);
  });

  it('whose password was changed is not told the old keys', async () => {
    let current = verifier;
    const access = {
      getEndpointAccess: async () => ({ verifier: current, disabled: false, allowedNetworks: [] }),
    };
    const gateway = await startGateway({ access });
    await logInAndLeave(gateway);
    current = await deriveVerifier('changed');
    await superuser(`alter role app password '${current}'`);
    try {
      await logInAndLeave(gateway, { password: 'changed' });
    } finally {
      await superuser(`alter role app password '${verifier}'`);
    }
    // Had they been used, the compute would have refused them.
    expect(gateway.ahead).toEqual(['used']);
  });

  it('is left at once when the password is wrong, and is not dialled ahead again before the next login', async () => {
    const gateway = await startGateway();
    for (let login = 0; login < 3; login++) await logInAndLeave(gateway);
    const wrong = logIn(gateway, { password: 'wrong' });
    await expect(wrong).rejects.toMatchObject({ code: '28P01' });
    expect(gateway.ahead).toEqual(['used', 'used', 'unused']);
    await expect(logIn(gateway, { password: 'wrong' })).rejects.toMatchObject({ code: '28P01' });
    await logInAndLeave(gateway);
    expect(gateway.ahead).toEqual(['used', 'used', 'unused']);
    await logInAndLeave(gateway);
    expect(gateway.ahead).toEqual(['used', 'used', 'unused', 'used']);
  });

  it.each([
    ['leaves', (client: RawClient) => void client.socket.end(), 5_000],
    ['takes too long', () => undefined, 300],
    ['has to go', (_: RawClient, gateway: Gateway) => gateway.sessions.at(-1)?.end(), 5_000],
  ])('is left when its client %s before the proof', async (_, part, loginTimeoutMs) => {
    const gateway = await startGateway({ loginTimeoutMs });
    await logInAndLeave(gateway);
    const client = new RawClient(gateway).say(startup());
    await waitFor(() => client.heard.includes('SCRAM-SHA-256'), 3_000);
    part(client, gateway);
    await gateway.sessions.at(-1)?.ended;
    expect(gateway.ahead).toEqual(['unused']);
    client.socket.destroy();
  });

  it('of a later generation is not dialled ahead before a login reached it', async () => {
    const gateway = await startGateway();
    await logInAndLeave(gateway);
    const { info } = (await gateway.cache.get('demo' as EndpointId)) as { info: NodeInfo };
    await gateway.cache.put({ ...info, generation: (info.generation + 1) as Generation });
    await logInAndLeave(gateway);
    expect(gateway.ahead).toEqual([]);
    await logInAndLeave(gateway);
    expect(gateway.ahead).toEqual(['used']);
  });

  it('of a disabled endpoint is not dialled ahead', async () => {
    let disabled = false;
    const access = { getEndpointAccess: async () => ({ verifier, disabled, allowedNetworks: [] }) };
    const gateway = await startGateway({ access });
    await logInAndLeave(gateway);
    disabled = true;
    await expect(logIn(gateway)).rejects.toMatchObject({ message: expect.stringContaining('disabled') });
    expect(gateway.ahead).toEqual([]);
  });

  it('is not dialled ahead where that is turned off', async () => {
    const gateway = await startGateway({ loginsAhead: undefined });
    for (let login = 0; login < 3; login++) await logInAndLeave(gateway);
    expect(gateway.ahead).toEqual([]);
  });
});

describe('hostile bytes', () => {
  it.each([
    ['a startup packet behind an SSL request', concatBytes(encodeSslRequest(), startup()), 'unencrypted data'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 'invalid length'],
    ['a second startup packet during SCRAM', concatBytes(startup(), startup('evil')), 'expected an answer'],
    ['a query instead of a proof', concatBytes(startup(), Buffer.from('Q\0\0\0\x0dselect 1\0')), 'expected an answer'],
    [
      'an unknown SASL mechanism',
      concatBytes(startup(), encodeSaslInitialResponse({ mechanism: 'PLAIN', data: Buffer.from('x') })),
      'unknown mechanism',
    ],
  ])('%s are answered with 08P01 and the end', async (_what, bytes, words) => {
    const gateway = await startGateway();
    const client = new RawClient(gateway).say(bytes);
    const { code, message } = errorIn(await client.untilEnd());
    expect(code).toBe('08P01');
    expect(message).toContain(words);
    expect(gateway.wakes).toHaveLength(0);
    client.socket.destroy();
  });

  it('a port scan and an unknown cancel key get no answer and wake nothing', async () => {
    const gateway = await startGateway();
    new RawClient(gateway).socket.end();
    const canceller = new RawClient(gateway).say(encodeCancelRequest(1, Uint8Array.of(1, 2, 3, 4)));
    expect(await canceller.untilEnd()).toHaveLength(0);
    canceller.socket.destroy();
    expect(gateway.wakes).toHaveLength(0);
  });
});

describe('the limits', () => {
  it('on failed logins count wrong proofs, not clients that leave before theirs, and then refuse right ones too', async () => {
    const gateway = await startGateway({ limits: { failedLogins: 2 } });
    for (let left = 0; left < 5; left += 1) {
      const leaver = new RawClient(gateway).say(startup());
      await waitFor(() => leaver.heard.length > 0, 3_000);
      leaver.socket.destroy();
    }
    for (let failed = 0; failed < 2; failed += 1) {
      await expect(clientOf(gateway, { password: 'wrong' }).connect()).rejects.toMatchObject({ code: '28P01' });
    }
    const heard = await new RawClient(gateway).say(startup()).untilEnd();
    expect(errorIn(heard)).toEqual({ code: '53300', message: 'too many connection attempts' });
    // Nothing was asked of it: the refusal is the first it hears.
    expect(String.fromCharCode(heard[0] ?? 0)).toBe('E');
    await expect(clientOf(gateway).connect()).rejects.toMatchObject({ code: '53300' });
    expect(gateway.refusals).toEqual(['failedLogins', 'failedLogins']);
    expect(gateway.wakes).toHaveLength(0);
  });

  it.each([
    ['with SCRAM', {}, 'wrong'],
    ['in the password form', { options: '' }, 'endpoint=demo;wrong'],
  ])('many at once have no more tries than one after another, %s', async (_how, overrides, guess) => {
    const gateway = await startGateway({ limits: { failedLogins: 3 } });
    const codes = await Promise.all(
      Array.from({ length: 20 }, () =>
        clientOf(gateway, { ...overrides, password: guess })
          .connect()
          .then(
            () => 'connected',
            (error: { code: string }) => error.code,
          ),
      ),
    );
    expect(codes.filter((code) => code === '28P01')).toHaveLength(3);
    expect(codes.filter((code) => code === '53300')).toHaveLength(17);
  });

  it('that were reached while a password was checked hide what is to be said to the right one', async () => {
    let answer = () => undefined as void;
    const gateway = await startGateway({
      limits: { failedLogins: 1 },
      authentication: { domains: [], requireTls: 'never', passwordMethod: 'cleartext', passwordForm: 'off' },
      passwords: {
        async prove({ password: said }) {
          if (said !== password) throw new GatewayError('PASSWORD_FAILED', { params: { user: 'app' } });
          await new Promise<void>((resolve) => (answer = resolve));
          throw new GatewayError('ENDPOINT_DISABLED');
        },
      },
    });
    const right = expect(clientOf(gateway).connect()).rejects.toMatchObject({ code: '53300' });
    await waitFor(() => gateway.sessions.length === 1, 3_000);
    await expect(clientOf(gateway, { password: 'wrong' }).connect()).rejects.toMatchObject({ code: '28P01' });
    answer();
    await right;
  });

  it('on connections of an endpoint count who is logged in, and a place that is left can be taken', async () => {
    const gateway = await startGateway({ limits: { connectionsPerEndpoint: 1 } });
    const waiting = new RawClient(gateway).say(startup());
    const first = clientOf(gateway);
    await first.connect();
    await expect(clientOf(gateway).connect()).rejects.toMatchObject({
      code: '53300',
      message: 'too many connections to this endpoint',
    });
    await first.end();
    await waitFor(() => gateway.limits.counts.endpoints === 0, 3_000);
    const next = clientOf(gateway);
    await next.connect();
    await next.end();
    waiting.socket.destroy();
    await waitFor(() => Object.values(gateway.limits.counts).every((count) => count === 0), 6_000);
  });

  it('that are reached are told after the startup packet, and let cancel requests through', async () => {
    const gateway = await startGateway({ limits: { connections: 1, farewells: 2 } });
    const first = clientOf(gateway);
    await first.connect();
    const refused = new RawClient(gateway).say(encodeSslRequest());
    await waitFor(() => refused.heard.toString() === 'N', 3_000);
    expect(errorIn((await refused.say(startup()).untilEnd()).subarray(1))).toEqual({
      code: '53300',
      message: 'too many connections to this gateway',
    });
    refused.socket.destroy();
    const { processID, secretKey } = first as unknown as { processID: number; secretKey: number };
    const sleeping = expect(first.query('select pg_sleep(30)')).rejects.toMatchObject({ code: '57014' });
    await waitFor(async () => (await activeSleepers()) === 1, 5_000);
    const secret = Buffer.alloc(4);
    secret.writeInt32BE(secretKey);
    const canceller = new RawClient(gateway).say(encodeCancelRequest(processID, secret));
    expect(await canceller.untilEnd()).toHaveLength(0);
    canceller.socket.destroy();
    await sleeping;
    await first.end();
  });
});

describe('a cancel request', () => {
  it('ends the query of its own session and of no other', async () => {
    const gateway = await startGateway();
    const [one, other] = [clientOf(gateway), clientOf(gateway)];
    await Promise.all([one.connect(), other.connect()]);
    const { processID, secretKey } = one as unknown as { processID: number; secretKey: number };
    const real = (await one.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid;
    expect(processID).toBe(real);

    const sleeping = one.query('select pg_sleep(30)');
    const bystander = other.query('select pg_sleep(0.5), 42 as answer');
    const rejected = expect(sleeping).rejects.toMatchObject({ code: '57014' });
    await waitFor(async () => (await activeSleepers()) === 2, 5_000);
    const secret = Buffer.alloc(4);
    secret.writeInt32BE(secretKey);
    const canceller = new RawClient(gateway).say(encodeCancelRequest(processID, secret));
    expect(await canceller.untilEnd()).toHaveLength(0);
    canceller.socket.destroy();
    await rejected;
    expect((await bystander).rows[0]).toMatchObject({ answer: 42 });
    await Promise.all([one.end(), other.end()]);
  });

  it('from outside the allowed networks of its session does nothing', async () => {
    const gateway = await startGateway();
    const name = gateway.cancelKeys.issue(
      {
        endpoint: 'demo' as EndpointId,
        generation: 1 as Generation,
        address: { kind: 'tcp', host: postgres.host, port: postgres.port },
        identity: { kind: 'unproven' },
        computeKey: nameOf({ pid: 1, secret: Uint8Array.of(1, 2, 3, 4) }),
        allowedNetworks: ['192.0.2.0/24'],
      },
      4,
    );
    const { pid, secret } = keyOf(name);
    const canceller = new RawClient(gateway).say(encodeCancelRequest(pid, secret));
    expect(await canceller.untilEnd()).toHaveLength(0);
    canceller.socket.destroy();
    await gateway.sessions[0]?.ended;
    expect(gateway.outcomes[0]?.outcome).toEqual({ kind: 'cancelRequest', result: 'notAllowed' });
  });

  it('is closed only once the compute has closed its own, so it cannot hit the next query', async () => {
    const gateway = await startGateway();
    const client = clientOf(gateway);
    await client.connect();
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    const secret = Buffer.alloc(4);
    secret.writeInt32BE(secretKey);
    let cancelled = 0;
    for (let round = 0; round < 200; round += 1) {
      const racing = client.query(`select pg_sleep(${(round % 5) / 200})`).then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
      const canceller = new RawClient(gateway).say(encodeCancelRequest(processID, secret));
      await canceller.untilEnd();
      canceller.socket.destroy();
      if ((await racing) === '57014') cancelled += 1;
      expect((await client.query('select 42 as answer')).rows).toEqual([{ answer: 42 }]);
    }
    await client.end();
    // Some came in time and some too late, otherwise there was no race.
    expect(cancelled).toBeGreaterThan(0);
    expect(cancelled).toBeLessThan(200);
  });
});

describe('a client of protocol 3.2', () => {
  it('gets a long secret, with which it cancels', async () => {
    const gateway = await startGateway();
    const client = new RawClient(gateway);
    const scram = createScramClient({ password });
    client.say(startup('app', 'endpoint=demo', 2));
    await waitFor(() => client.heard.includes('SCRAM-SHA-256'), 3_000);
    client.say(encodeSaslInitialResponse({ mechanism: 'SCRAM-SHA-256', data: scram.first() }));
    await waitFor(() => client.heard.includes('i=4096'), 3_000);
    const final = await scram.final(client.heard.subarray(client.heard.indexOf('r=')));
    if (final.kind === 'violation') throw new Error(final.what);
    client.say(encodeSaslResponse(final.bytes));
    await waitFor(() => client.heard.subarray(-6).equals(Buffer.from('Z\0\0\0\x05I')), 5_000);
    // BackendKeyData is what comes before ReadyForQuery: its length word counts 4 + 4 + 32 bytes.
    const key = client.heard.subarray(-6 - 41, -6);
    expect(key.subarray(0, 5)).toEqual(Buffer.from('K\0\0\0\x28', 'latin1'));

    client.say(encodeQuery('select pg_sleep(30)'));
    await waitFor(async () => (await activeSleepers()) === 1, 5_000);
    const canceller = new RawClient(gateway).say(encodeCancelRequest(key.readUInt32BE(5), key.subarray(9)));
    expect(await canceller.untilEnd()).toHaveLength(0);
    await waitFor(() => client.heard.includes('C57014'), 5_000);
    canceller.socket.destroy();
    client.say(encodeTerminate());
    await gateway.sessions[0]?.ended;
    client.socket.destroy();
  });
});

describe('draining', () => {
  it('ends an idle session with 57P01 and lets a transaction finish', async () => {
    const gateway = await startGateway();
    const [idle, busy] = [clientOf(gateway), clientOf(gateway)];
    await Promise.all([idle.connect(), busy.connect()]);
    await busy.query('begin');
    const told = new Promise<unknown>((resolve) => idle.once('error', resolve));
    for (const session of gateway.sessions) session.drain();
    expect(await told).toMatchObject({ code: '57P01' });
    expect((await busy.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    const toldLater = new Promise<unknown>((resolve) => busy.once('error', resolve));
    await busy.query('commit');
    expect(await toldLater).toMatchObject({ code: '57P01' });
    await Promise.all(gateway.sessions.map((session) => session.ended));
  });

  it('at its limit also ends who still waits for the compute', async () => {
    const gateway = await startGateway({ asleep: true });
    const connecting = clientOf(gateway).connect();
    await waitFor(() => gateway.wakes.length === 1, 3_000);
    const rejected = expect(connecting).rejects.toMatchObject({ code: '57P01' });
    gateway.sessions[0]?.end();
    await rejected;
  });
});

describe('a compute that is lost', () => {
  it('ends a session in a query with the words of Postgres or 08007', async () => {
    const gateway = await startGateway();
    const client = clientOf(gateway);
    await client.connect();
    const query = expect(client.query('select pg_sleep(30)')).rejects.toMatchObject({ code: '57P01' });
    await waitFor(async () => (await activeSleepers()) === 1, 5_000);
    await superuser(
      "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(30)%' and usename = 'app'",
    );
    await query;
    await gateway.sessions[0]?.ended;
    expect(gateway.outcomes[0]?.outcome).toMatchObject({ kind: 'relayed', ending: { endedBy: 'compute' } });
  });
});

describe('a compute that is silent', () => {
  const silenceMs = 200;

  it('is asked for a sign of life, which is no session to it, and may take its time', async () => {
    const results: ProbeResult[] = [];
    const silenceWatch = new SilenceWatch(silenceMs, async (address) => {
      const result = await probeCompute(address, createComputeNetwork());
      results.push(result);
      return result;
    });
    const gateway = await startGateway({ silenceWatch });
    const client = clientOf(gateway);
    await client.connect();
    const countSessions = () =>
      superuser("select sum(sessions)::int as n from pg_stat_database where datname = 'app'").then(({ rows }) => rows);
    const sessionsBefore = await countSessions();
    const { rows } = await client.query('select pg_sleep(2), 42 as answer');
    expect(rows[0]).toMatchObject({ answer: 42 });
    expect(results.length).toBeGreaterThanOrEqual(3);
    expect(new Set(results)).toEqual(new Set(['alive']));
    expect(await countSessions()).toEqual(sessionsBefore);

    const asked = results.length;
    await client.query('begin');
    await new Promise((resolve) => setTimeout(resolve, 5 * silenceMs));
    expect(results).toHaveLength(asked);
    await client.query('commit');
    await client.end();
  });
});

describe('a client that stops reading', () => {
  const timeoutMs = 200;

  it('is cut off, and the compute works for it no longer', async () => {
    const gateway = await startGateway({ stallWatch: new StallWatch(timeoutMs) });
    const client = clientOf(gateway);
    await client.connect();
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
    stream.pause();
    client.query("select repeat('x', 1000) from generate_series(1, 200000)").catch(() => undefined);
    await waitFor(() => gateway.outcomes.length === 1, 10_000);
    expect(gateway.outcomes[0]?.outcome).toMatchObject({
      kind: 'relayed',
      ending: { endedBy: 'gateway', cause: { message: `the client took nothing for ${timeoutMs} ms` } },
    });
    await waitFor(async () => (await sessionsOfApp()) === 0, 5_000);
    stream.destroy();
  });

  it('is not taken for one that waits for a slow query', async () => {
    const gateway = await startGateway({ stallWatch: new StallWatch(timeoutMs) });
    const client = clientOf(gateway);
    await client.connect();
    expect((await client.query('select pg_sleep(1), 42 as answer')).rows[0]).toMatchObject({ answer: 42 });
    await client.end();
  });
});

async function superuser(sql: string): Promise<pg.QueryResult<Record<string, unknown>>> {
  const client = new pg.Client(postgres.connectionConfig);
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

async function activeSleepers(): Promise<number> {
  const { rows } = await superuser(
    "select count(*)::int as n from pg_stat_activity where usename = 'app' and state = 'active' and query like '%pg_sleep%'",
  );
  return rows[0]?.['n'] as number;
}

async function sessionsOfApp(): Promise<number> {
  const { rows } = await superuser("select count(*)::int as n from pg_stat_activity where usename = 'app'");
  return rows[0]?.['n'] as number;
}
