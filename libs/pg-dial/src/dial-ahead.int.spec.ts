// Logins that are begun before their client has proved itself: what a compute sees of them, and that a dial never suffers from one.

import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ScramKeys, checkPassword, deriveVerifier, parseVerifier } from '@pgwake/client-auth';
import { FreshNode, type HeadStart, type NodeInfo } from '@pgwake/connect-core';
import type { EndpointId, Generation } from '@pgwake/ids';
import { type CertificatePem, makeCertificate } from '@pgwake/local-certificate';
import { encodeAuthenticationSasl, encodeNoticeResponse } from '@pgwake/pg-wire';
import {
  type LeakCheck,
  type ScriptedPostgres,
  type Step,
  startLeakCheck,
  startScriptedPostgres,
  steps,
  waitFor,
} from '@pgwake/testkit';
import type { ComputeIdentity } from '@pgwake/wake-api';
import { DialAhead, createComputeNetwork, createPgDial } from './index.js';

const clusterName = 'pgwake/demo/3';
const startup = { user: 'app', database: 'shop', parameters: [] };

let certificate: CertificatePem;
let verifier: string;
let keys: ScramKeys;
let healthy: readonly Step[];
let leaks: LeakCheck;
let server: ScriptedPostgres;
let ended: number;
let open: DialAhead[];

beforeAll(async () => {
  certificate = await makeCertificate(['demo-3']);
  verifier = await deriveVerifier('secret', { iterations: 1 });
  keys = await keysOf('secret', verifier);
  healthy = steps.serve({ verifier, clusterName });
});

beforeEach(() => {
  leaks = startLeakCheck();
  ended = 0;
  open = [];
});

afterEach(async () => {
  for (const ahead of open) ahead.close();
  expect(ended).toBe(open.length);
  await server.stop();
  await leaks.expectNothingLeft();
});

async function keysOf(password: string, text: string): Promise<ScramKeys> {
  const parsed = parseVerifier(text);
  const found = parsed && (await checkPassword(password, parsed));
  if (found === undefined) throw new Error('the password does not fit');
  return found;
}

function node(
  changes: { generation?: number; identity?: ComputeIdentity; address?: NodeInfo['address'] } = {},
): NodeInfo {
  return {
    endpoint: 'demo' as EndpointId,
    address: server.address,
    identity: { kind: 'clusterName', value: clusterName },
    issuedAtMs: 1,
    signature: undefined,
    ...changes,
    generation: (changes.generation ?? 3) as Generation,
  };
}

const network = () => createComputeNetwork({ certificateAuthority: certificate.ca });

function dialAhead(to = node(), limitMs = 10_000, rememberedKeys?: ScramKeys): DialAhead {
  const headStart: HeadStart = { node: to, limitMs, end: () => void (ended += 1) };
  const ahead = new DialAhead(headStart, { ...startup, rememberedKeys }, network());
  open.push(ahead);
  return ahead;
}

/** The code of the failure, or `connected`. */
async function dial(ahead: DialAhead, to = node(), withKeys = keys, signal = new AbortController().signal) {
  const mechanism = createPgDial({ ...startup, keys: withKeys }, network(), ahead);
  const outcome = await mechanism.dialOnce(new FreshNode(to), { signal, onServerByte: () => undefined });
  if (!outcome.ok) return outcome.failure.error.code;
  mechanism.discard(outcome.connection);
  return 'connected';
}

const isAsked = () => waitFor(() => server.seen.startups.length === 1, 5_000);
const nobodyLeft = () => waitFor(() => server.seen.open === 0, 5_000);

describe.each([
  { what: 'begun ahead', remembered: () => undefined, logins: 0 },
  { what: 'made ahead with remembered keys', remembered: () => keys, logins: 1 },
])('a login that was $what', ({ remembered, logins }) => {
  const begin = (to = node()): DialAhead => dialAhead(to, 10_000, remembered());
  const isThere = async (): Promise<void> => {
    await isAsked();
    await waitFor(() => server.seen.logins === logins, 5_000);
  };

  it('is the one login of its dial', async () => {
    server = await startScriptedPostgres({ scripts: [healthy] });
    const ahead = begin();
    await isThere();
    expect(await dial(ahead)).toBe('connected');
    expect(server.seen).toMatchObject({ accepted: 1, logins: 1 });
    expect(ahead.result).toBe('used');
    await nobodyLeft();
  });

  it('may still be on its way when its dial wants it', async () => {
    server = await startScriptedPostgres({ scripts: [healthy] });
    const ahead = begin();
    expect(await dial(ahead)).toBe('connected');
    expect(server.seen.accepted).toBe(1);
    expect(ahead.result).toBe('used');
  });

  it('goes over TLS where the compute proves itself by a certificate', async () => {
    server = await startScriptedPostgres({ scripts: [[steps.encrypt(certificate), ...healthy]] });
    const to = node({ identity: { kind: 'tlsSan', value: 'demo-3.localhost' } });
    const ahead = begin(to);
    await isThere();
    expect(await dial(ahead, to)).toBe('connected');
    expect(server.seen).toMatchObject({ accepted: 1, tlsGranted: 1 });
  });

  it('is closed without a word when nobody wants it', async () => {
    server = await startScriptedPostgres({ scripts: [healthy] });
    const ahead = begin();
    await isThere();
    ahead.close();
    await nobodyLeft();
    expect(ahead.result).toBe('unused');
    expect(server.seen).toMatchObject({ accepted: 1, logins, farewells: 0 });
  });
});

describe('a login ahead', () => {
  it('stands at the compute’s question, and nothing more is said, until its dial goes on with it', async () => {
    let heardMore = false;
    const listen: Step = async (connection) => {
      await connection.write(encodeAuthenticationSasl(['SCRAM-SHA-256']));
      await connection.readMessage();
      heardMore = true;
    };
    server = await startScriptedPostgres({ scripts: [[steps.startup(), listen, steps.close()], healthy] });
    const ahead = dialAhead();
    await isAsked();
    await expect(waitFor(() => heardMore, 50)).rejects.toThrow('not within');
    expect(await dial(ahead)).toBe('connected');
    expect(heardMore).toBe(true);
  });

  it('is used once', async () => {
    server = await startScriptedPostgres({ scripts: [healthy] });
    const ahead = dialAhead();
    expect([await dial(ahead), await dial(ahead)]).toEqual(['connected', 'connected']);
    expect(server.seen.accepted).toBe(2);
  });

  it('is closed at its limit', async () => {
    server = await startScriptedPostgres({ scripts: [[]] });
    const ahead = dialAhead(node(), 20);
    await waitFor(() => server.seen.accepted === 1, 5_000);
    await nobodyLeft();
    expect(ended).toBe(1);
    expect(ahead.result).toBe('unused');
  });

  it.each([
    ['another generation', { generation: 4 }],
    ['another identity', { identity: { kind: 'unproven' } as const }],
    ['another address', { address: { kind: 'tcp', host: 'localhost', port: 0 } as const }],
  ])('is not used for %s', async (_, changes) => {
    server = await startScriptedPostgres({ scripts: [healthy] });
    const { address } = server;
    const other =
      'address' in changes && address.kind === 'tcp' ? { address: { ...address, host: 'localhost' } } : changes;
    const ahead = dialAhead();
    await isAsked();
    expect(await dial(ahead, node(other))).toBe('connected');
    expect(server.seen.accepted).toBe(2);
    ahead.close();
    expect(ahead.result).toBe('unused');
    await nobodyLeft();
  });
});

describe('a login ahead with remembered keys', () => {
  it.each([
    ['the compute closes it', steps.close()],
    ['the compute resets it', steps.reset()],
    ['the compute says why it goes', steps.fail('57P01')],
  ])('is not used when %s before its dial wants it', async (_, end) => {
    const proof = steps.answerOnce(steps.encodeRow('cluster_name', clusterName));
    const goes = [steps.startup(), steps.authenticate(verifier), steps.greet(), proof, end];
    server = await startScriptedPostgres({ scripts: [goes, healthy] });
    const ahead = dialAhead(node(), 10_000, keys);
    await waitFor(() => server.seen.resets + server.seen.closes + server.seen.errors.length > 0, 5_000);
    await setTimeout(50); // for what was said to arrive
    expect(await dial(ahead)).toBe('connected');
    expect(ahead.result).toBe('failed');
    expect(server.seen).toMatchObject({ accepted: 2, logins: 2 });
  });

  it('with keys that are refused is not used, and costs its dial nothing', async () => {
    server = await startScriptedPostgres({ scripts: [healthy] });
    const wrong = await keysOf('wrong', await deriveVerifier('wrong', { iterations: 1 }));
    const ahead = dialAhead(node(), 10_000, wrong);
    expect(await dial(ahead)).toBe('connected');
    expect(ahead.result).toBe('failed');
    expect(server.seen).toMatchObject({ accepted: 2, logins: 1 });
  });
});

describe('a dial begins anew, as if nothing had been, when what was begun', () => {
  const asks = (): readonly Step[] => [steps.startup(), steps.send(encodeAuthenticationSasl(['SCRAM-SHA-256']))];

  it.each([
    ['was reset at once', () => [steps.reset()]],
    ['was closed after its startup packet', () => [steps.startup(), steps.close()]],
    ['was told that the compute is starting', () => [steps.startup(), steps.fail('57P03')]],
    ['was told that the compute is full', () => [steps.startup(), steps.fail('53300')]],
    ['was closed while the client computed its proof', () => [...asks(), steps.close()]],
    ['was reset while the client computed its proof', () => [...asks(), steps.reset()]],
    ['was cut off in the middle of the rest', () => [steps.cutAfter(60, 'reset'), ...healthy]],
  ])('%s', async (_, script) => {
    server = await startScriptedPostgres({ scripts: [script(), healthy] });
    const ahead = dialAhead();
    await waitFor(() => server.seen.accepted === 1, 5_000);
    expect(await dial(ahead)).toBe('connected');
    expect(ahead.result).toBe('failed');
    expect(server.seen).toMatchObject({ accepted: 2, logins: 1 });
    // The fault did strike.
    expect(server.seen.resets + server.seen.closes + server.seen.errors.length).toBeGreaterThan(0);
    await nobodyLeft();
  });

  it('is talked to without end while the client computes its proof, of which little is read', async () => {
    let sentBytes = 0;
    const talk: Step = async (connection) => {
      const notice = encodeNoticeResponse({ severity: 'NOTICE', code: '00000', message: 'x'.repeat(20_000) });
      for (;;) {
        await connection.write(notice);
        sentBytes += notice.length;
      }
    };
    server = await startScriptedPostgres({ scripts: [[...asks(), talk], healthy] });
    const ahead = dialAhead();
    let [sentBefore, looksWithoutMore] = [0, 0];
    // It stands still: the buffers of the kernel are full, and nobody empties them.
    await waitFor(() => {
      looksWithoutMore = sentBytes > 0 && sentBytes === sentBefore ? looksWithoutMore + 1 : 0;
      sentBefore = sentBytes;
      return looksWithoutMore === 10;
    }, 5_000);
    expect(sentBytes).toBeLessThan(32 * 1024 * 1024);
    expect(await dial(ahead)).toBe('connected');
    expect(ahead.result).toBe('failed');
    expect(server.seen).toMatchObject({ accepted: 2, logins: 1 });
    await nobodyLeft();
  });

  it('was refused, and then tells the truth as well', async () => {
    server = await startScriptedPostgres({ scripts: [healthy] });
    const ahead = dialAhead();
    await isAsked();
    const wrong = await keysOf('wrong', await deriveVerifier('wrong', { iterations: 1 }));
    expect(await dial(ahead, node(), wrong)).toBe('COMPUTE_REJECTED_LOGIN');
    expect(ahead.result).toBe('failed');
  });
});

describe('an attempt that is called off', () => {
  it.each([
    ['while the compute has not asked yet', () => []],
    [
      'while the compute does not answer',
      () => [steps.startup(), steps.send(encodeAuthenticationSasl(['SCRAM-SHA-256']))],
    ],
  ])('%s leaves nothing behind, and does not begin anew', async (_, script) => {
    server = await startScriptedPostgres({ scripts: [script()] });
    const ahead = dialAhead();
    await waitFor(() => server.seen.accepted === 1, 5_000);
    const limit = new AbortController();
    const outcome = dial(ahead, node(), keys, limit.signal);
    limit.abort(new Error('out of time'));
    expect(await outcome).toBe('COMPUTE_DIAL_TIMEOUT');
    await nobodyLeft();
    expect(server.seen.accepted).toBe(1);
  });
});
