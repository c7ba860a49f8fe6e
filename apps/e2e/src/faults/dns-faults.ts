// What becomes of names: computes whose address is a host name, and name servers that fail.

import { setTimeout as sleep } from 'node:timers/promises';
import type { DnsReply, ScriptedPostgres } from '@pgwake/testkit';
import { type Fault, shortDeadlineMs } from './fault.js';
import { countRefusals, portOf } from './probes.js';
import { type World, nodeAt } from './world.js';

const loopback: DnsReply = { kind: 'addresses', addresses: ['127.0.0.1'] };
const metadataService: DnsReply = { kind: 'addresses', addresses: ['169.254.169.254'] };
/** Every few dials wake-service is asked, and the time may be up just then. */
const notInTime = {
  code: '57P03',
  text: ['the database did not answer in time', 'the database did not wake up in time'],
} as const;
const unreachable = { code: '08001', text: 'the database cannot be reached' };

const hostOf = ({ endpoint }: World) => `${endpoint}.computes.test`;

/** A cached compute whose name now gives this, and a next generation with another name. */
async function arrangeCached(world: World, reply: DnsReply): Promise<ScriptedPostgres> {
  const { dns } = world.gateway;
  const host = hostOf(world);
  dns.reply(host, loopback);
  const compute = await world.startWarmCompute();
  await world.warmUp(compute, { host });
  dns.reply(host, reply);
  dns.reply(`next.${host}`, loopback);
  world.wakes(nodeAt(await world.startCompute(2), 2, { host: `next.${host}` }));
  return compute;
}

/** As {@link arrangeCached}; what strikes is that very reply. */
const whenCached = (reply: DnsReply) => async (world: World) => {
  await arrangeCached(world, reply);
  return countReplies(world, reply);
};

/** A compute whose name gives this when it was just woken. */
async function arrangeFresh(world: World, reply: DnsReply): Promise<() => number> {
  world.gateway.dns.reply(hostOf(world), reply);
  world.wakes(nodeAt(await world.startCompute(1), 1, { host: hostOf(world) }));
  return countReplies(world, reply);
}

function countReplies({ gateway: { dns } }: World, { kind }: DnsReply): () => number {
  const before = dns.replies[kind];
  return () => dns.replies[kind] - before;
}

/** From the first wake on it takes so long until the name gives the compute's address. */
function correctLater(world: World, delayMs: number, port: number): void {
  const { dns, wake } = world.gateway;
  const node = { kind: 'node', address: { kind: 'tcp', host: hostOf(world), port } } as const;
  const later = async () => void sleep(delayMs).then(() => dns.reply(hostOf(world), loopback));
  wake.script(world.endpoint, [{ ...node, after: later }, node]);
}

export const dnsFaults: readonly Fault[] = [
  {
    fault: 'the name does not exist any more',
    address: 'cached',
    arrange: whenCached({ kind: 'nameError' }),
    expected: {
      strikes: 2, // A and AAAA
      verdicts: ['cached DNS_FAILED: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [0, 100],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'the name does not exist for the first 1.2 s',
    address: 'fresh',
    async arrange(world) {
      correctLater(world, 1_200, portOf(await world.startCompute(1)));
      return countReplies(world, { kind: 'nameError' });
    },
    expected: {
      verdicts: ['fresh DNS_FAILED: dialAgain'],
      dials: [3, 30],
      wakes: [1, 11],
      tookMs: [1_200, 2_200],
      client: { servedBy: 1 },
    },
  },
  {
    fault: 'the name server fails (SERVFAIL)',
    address: 'cached',
    arrange: whenCached({ kind: 'serverFailure' }),
    expected: {
      verdicts: ['cached DNS_FAILED: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [0, 100],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'the name server fails (SERVFAIL) for ever',
    address: 'fresh',
    deadline: 'short',
    arrange: (world) => arrangeFresh(world, { kind: 'serverFailure' }),
    expected: {
      verdicts: ['fresh DNS_FAILED: dialAgain'],
      dials: [4, 40],
      wakes: [2, 14],
      tookMs: [shortDeadlineMs, shortDeadlineMs],
      client: notInTime,
    },
  },
  {
    fault: 'nobody answers for this name',
    address: 'cached',
    arrange: whenCached({ kind: 'silence' }),
    expected: {
      verdicts: ['cached COMPUTE_DIAL_TIMEOUT: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [1_500, 1_600],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'the answer is garbage',
    address: 'cached',
    arrange: whenCached({ kind: 'garbage' }),
    expected: {
      verdicts: ['cached DNS_FAILED: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [0, 100],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'the name now leads into a network without computes',
    address: 'cached',
    arrange: whenCached(metadataService),
    expected: {
      verdicts: ['cached COMPUTE_ADDRESS_FORBIDDEN: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [0, 100],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'the name leads into a network without computes',
    address: 'fresh',
    arrange: (world) => arrangeFresh(world, metadataService),
    expected: {
      strikes: 1,
      verdicts: ['fresh COMPUTE_ADDRESS_FORBIDDEN: stop'],
      dials: 1,
      wakes: 1,
      tookMs: [0, 100],
      client: unreachable,
    },
  },
  {
    fault: 'the name now has two addresses, both dead',
    address: 'cached',
    async arrange(world) {
      const addresses = ['127.0.0.2', '127.0.0.3'];
      const compute = await arrangeCached(world, { kind: 'addresses', addresses });
      const refusals = await countRefusals(addresses, portOf(compute));
      return () => refusals;
    },
    expected: {
      strikes: 2,
      verdicts: ['cached COMPUTE_REFUSED: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [0, 100],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'one of two addresses is dead',
    address: 'fresh',
    arrange: (world) => arrangeFresh(world, { kind: 'addresses', addresses: ['127.0.0.2', '127.0.0.1'] }),
    expected: {
      strikes: 1,
      verdicts: [],
      dials: 1,
      wakes: 1,
      tookMs: [0, 100],
      client: { servedBy: 1 },
    },
  },
];
