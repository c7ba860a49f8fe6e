// Names and addresses, with a name server of the tests' own and real sockets behind it.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isGatewayError } from '@pgwake/gateway-errors';
import {
  type FakeDns,
  type LeakCheck,
  type ScriptedPostgres,
  startFakeDns,
  startLeakCheck,
  startScriptedPostgres,
  steps,
} from '@pgwake/testkit';
import { type ComputeNetworkSettings, createComputeNetwork, sendCancel } from './index.js';

const identity = { kind: 'unproven' } as const;
const backendKey = { pid: 1, secret: Uint8Array.of(1, 2, 3, 4) };

let leaks: LeakCheck;
let dns: FakeDns;
let compute: ScriptedPostgres;
let port: number;

beforeEach(async () => {
  leaks = startLeakCheck();
  dns = await startFakeDns({ zone: { 'here.test': { kind: 'addresses', addresses: ['127.0.0.1'] } } });
  compute = await startScriptedPostgres({ scripts: [[steps.startup()]] });
  if (compute.address.kind === 'tcp') port = compute.address.port;
});

afterEach(async () => {
  await compute.stop();
  await dns.stop();
  await leaks.expectNothingLeft();
});

/** The shortest of all conversations with a compute: what became of it. */
type Call = (host: string) => Promise<string>;

function createCall(settings: ComputeNetworkSettings = {}): Call {
  const network = createComputeNetwork({ nameServers: [dns.server], ...settings });
  return async (host) => {
    const address = { kind: 'tcp', host, port } as const;
    const target = { address, identity, backendKey, signal: AbortSignal.timeout(5_000) };
    try {
      await sendCancel(target, network);
      return 'arrived';
    } catch (error) {
      return isGatewayError(error) ? error.code : String(error);
    }
  };
}

describe('a name', () => {
  it('is asked of the name servers that are set, and of nobody else', async () => {
    const call = createCall();
    expect(await call('here.test')).toBe('arrived');
    expect(await call('localhost')).toBe('DNS_FAILED'); // the system knows it
    expect(dns.questions.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'here.test A',
      'localhost A',
      'localhost AAAA',
    ]);
  });

  it('that the system alone knows is found where no name servers are set', async () => {
    expect(await createCall({ nameServers: [] })('localhost')).toBe('arrived');
    expect(dns.questions).toEqual([]);
  });

  it('that did not exist a moment ago is asked for again', async () => {
    const call = createCall();
    expect(await call('late.test')).toBe('DNS_FAILED');
    dns.reply('late.test', { kind: 'addresses', addresses: ['127.0.0.1'], ttlSeconds: 3_600 });
    expect(await call('late.test')).toBe('arrived');
    dns.reply('late.test', { kind: 'nameError' });
    expect(await call('late.test')).toBe('DNS_FAILED');
    expect(dns.replies.nameError).toBe(4);
  });

  it('that many want at once is asked for once', async () => {
    const call = createCall();
    expect(await Promise.all([call('here.test'), call('here.test'), call('here.test')])).toEqual(
      Array(3).fill('arrived'),
    );
    expect(dns.questionsFor('here.test')).toBe(1);
  });

  it.each(['serverFailure', 'truncated', 'garbage'] as const)(
    'answered with %s fails with DNS_FAILED',
    async (kind) => {
      dns.reply('broken.test', { kind });
      expect(await createCall()('broken.test')).toBe('DNS_FAILED');
      expect(dns.replies[kind]).toBeGreaterThan(0);
      expect(compute.seen.accepted).toBe(0);
    },
  );

  it('that nobody answers for does not hold up another', async () => {
    const names = Array.from({ length: 20 }, (_, n) => `${n}.dead.test`);
    for (const name of names) dns.reply(name, { kind: 'silence' });
    const call = createCall();
    const order: string[] = [];
    const dead = Promise.all(names.map(call)).then((codes) => order.push(...new Set(codes)));
    order.push(await call('here.test'));
    await dead;
    expect(order).toEqual(['arrived', 'DNS_FAILED']);
    expect(dns.replies.silence).toBeGreaterThanOrEqual(names.length);
  });

  it('of which one address is dead is reached at the other', async () => {
    dns.reply('two.test', { kind: 'addresses', addresses: ['127.0.0.2', '127.0.0.1'] });
    expect(await createCall()('two.test')).toBe('arrived');
  });

  it('of which all addresses refuse is refused', async () => {
    dns.reply('two.test', { kind: 'addresses', addresses: ['127.0.0.2', '127.0.0.3'] });
    expect(await createCall()('two.test')).toBe('COMPUTE_REFUSED');
  });
});

describe('an address in no network for computes', () => {
  it.each([['169.254.169.254'], ['::ffff:169.254.169.254'], ['224.0.0.1'], ['0.0.0.0'], ['fe80::1']])(
    '%s is not dialled',
    async (ip) => {
      expect(await createCall()(ip)).toBe('COMPUTE_ADDRESS_FORBIDDEN');
    },
  );

  it('is not dialled by another name, even if that name was good before', async () => {
    const call = createCall({ networks: ['127.0.0.1'] });
    expect(await call('here.test')).toBe('arrived');
    dns.reply('here.test', { kind: 'addresses', addresses: ['127.0.0.2'] });
    expect(await call('here.test')).toBe('COMPUTE_ADDRESS_FORBIDDEN');
    expect(await call('127.0.0.2')).toBe('COMPUTE_ADDRESS_FORBIDDEN');
    expect(compute.seen.accepted).toBe(1);
  });

  it('is left out where a name has others', async () => {
    dns.reply('mixed.test', { kind: 'addresses', addresses: ['0.0.0.0', '127.0.0.1', '169.254.169.254'] });
    expect(await createCall()('mixed.test')).toBe('arrived');
  });

  it('may be listed', async () => {
    expect(await createCall({ networks: ['0.0.0.0/8'] })('0.0.0.0')).toBe('arrived'); // Linux takes it for loopback
  });
});

it.each([[{ nameServers: ['dns.test'] }], [{ nameServers: ['1.2.3.4:x'] }], [{ networks: ['10.0.0.0/40'] }]])(
  '%j is refused',
  (settings) => {
    expect(() => createComputeNetwork(settings)).toThrow(RangeError);
  },
);
