// A story that needs a network of its own (see in-namespace.ts): a gateway, its surroundings and one client, and a cached
// address that is now behind a wire at whose other end nobody lives.

import { deadAddress, layDeadWire, readTcpCounter } from './dead-wire.js';
import { Gateway, type JourneyLine } from './gateway.js';
import { type Attempt, World, nodeAt } from './world.js';

export interface DroppedPackets {
  readonly attempt: Attempt;
  readonly journey: JourneyLine;
  /** The name that the compute of the next generation goes by. */
  readonly nextName: string;
  /** How often the kernel repeated a SYN that nobody answered. */
  readonly repeatedSyns: number;
}

layDeadWire();
const gateway = await Gateway.start();
const world = new World(gateway);
try {
  const { dns } = gateway;
  const host = 'compute.test';
  dns.reply(host, { kind: 'addresses', addresses: ['127.0.0.1'] });
  await world.warmUp(await world.startWarmCompute(), { host });
  dns.reply(host, { kind: 'addresses', addresses: [deadAddress] });
  world.wakes(nodeAt(await world.startCompute(2), 2));

  const attempt = await world.attempt();
  const journey = await gateway.journey(world.endpoint, 1);
  const told: DroppedPackets = {
    attempt,
    journey,
    nextName: world.nameOf(2),
    repeatedSyns: readTcpCounter('TCPSynRetrans'),
  };
  process.stdout.write(`${JSON.stringify(told)}\n`);
} finally {
  await world.end();
  await gateway.stop();
}
