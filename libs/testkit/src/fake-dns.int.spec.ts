import { Resolver } from 'node:dns/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type FakeDns, type LeakCheck, startFakeDns, startLeakCheck } from './index.js';

let leaks: LeakCheck;
let dns: FakeDns;
let resolver: Resolver;

beforeEach(async () => {
  leaks = startLeakCheck();
  dns = await startFakeDns({
    zone: {
      'both.test': { kind: 'addresses', addresses: ['127.0.0.1', '127.0.0.2', '::1', '2001:db8::ffff:10.0.0.1'] },
      'lasting.test': { kind: 'addresses', addresses: ['127.0.0.3'], ttlSeconds: 86_400 },
      'broken.test': { kind: 'serverFailure' },
      'cut.test': { kind: 'truncated' },
      'garbage.test': { kind: 'garbage' },
      'silent.test': { kind: 'silence' },
    },
  });
  resolver = new Resolver({ timeout: 100, tries: 2 });
  resolver.setServers([dns.server]);
});

afterEach(async () => {
  resolver.cancel();
  await dns.stop();
  await leaks.expectNothingLeft();
});

describe('a fake name server', () => {
  it('answers each question with the addresses of its type', async () => {
    expect(await resolver.resolve4('Both.test.')).toEqual(['127.0.0.1', '127.0.0.2']);
    expect(await resolver.resolve6('both.test')).toEqual(['::1', '2001:db8::ffff:a00:1']);
    expect(await resolver.resolve4('lasting.test', { ttl: true })).toEqual([{ address: '127.0.0.3', ttl: 86_400 }]);
    await expect(resolver.resolve6('lasting.test')).rejects.toMatchObject({ code: 'ENODATA' });
    expect(dns.questionsFor('both.test')).toBe(2);
    expect(dns.questions.map(({ type }) => type)).toEqual(['A', 'AAAA', 'A', 'AAAA']);
    expect(dns.replies.addresses).toBe(4);
  });

  it('knows no other name until it is told', async () => {
    await expect(resolver.resolve4('late.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    dns.reply('late.test', { kind: 'addresses', addresses: ['127.0.0.9'] });
    expect(await resolver.resolve4('late.test')).toEqual(['127.0.0.9']);
    expect(dns.replies.nameError).toBe(1);
  });

  it.each([
    ['broken.test', 'ESERVFAIL', 'serverFailure'],
    ['cut.test', 'ECONNREFUSED', 'truncated'],
    ['garbage.test', 'EBADRESP', 'garbage'],
    ['silent.test', 'ETIMEOUT', 'silence'],
  ] as const)('%s fails with %s', async (name, code, kind) => {
    await expect(resolver.resolve4(name)).rejects.toMatchObject({ code });
    expect(dns.replies[kind]).toBe(dns.questionsFor(name));
    expect(dns.questionsFor(name)).toBeGreaterThan(0);
  });

  it('ignores what is no question', async () => {
    const { createSocket } = await import('node:dgram');
    const sender = createSocket('udp4');
    for (const packet of ['', 'x', '0123456789ab?', '0123456789ab\u0003abc'])
      sender.send(packet, dns.port, '127.0.0.1');
    expect(await resolver.resolve4('both.test')).toHaveLength(2);
    sender.close();
    expect(dns.questions).toHaveLength(1);
  });
});
