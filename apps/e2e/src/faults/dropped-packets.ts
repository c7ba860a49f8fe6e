// A story that needs a network of its own: a process in a fresh network namespace, with a gateway, its surroundings and one
// client in it, and an address behind a wire at whose other end nobody lives. Whatever it does to the network ends with it.
// Its last line tells what happened, as JSON.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
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

const deadAddress = '198.18.0.2';

function ip(command: string): void {
  execFileSync('ip', command.split(' '));
}

/** With its neighbour known for ever, the kernel sends packets without asking first whether anybody is there. */
function layDeadWire(): void {
  ip('link set lo up');
  ip('link add wire type veth peer name nowhere');
  ip('addr add 198.18.0.1/30 dev wire');
  ip('link set wire up');
  ip('link set nowhere up');
  ip(`neigh replace ${deadAddress} lladdr 02:00:00:00:00:02 dev wire nud permanent`);
}

/** The columns of `TcpExt` in /proc/net/netstat: a line of names, a line of numbers. */
function countRepeatedSyns(): number {
  const lines = readFileSync('/proc/net/netstat', 'utf8').split('\n');
  const [names = [], numbers = []] = lines.filter((line) => line.startsWith('TcpExt:')).map((line) => line.split(' '));
  return Number(numbers[names.indexOf('TCPSynRetrans')]);
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
  const told: DroppedPackets = { attempt, journey, nextName: world.nameOf(2), repeatedSyns: countRepeatedSyns() };
  process.stdout.write(`${JSON.stringify(told)}\n`);
} finally {
  await world.end();
  await gateway.stop();
}
