// For a process in a network namespace of its own: an address behind a wire at whose other end nobody lives, and what the
// kernel counted of that. Whatever is done to the network ends with the process.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const ownAddress = '198.18.0.1';
/** Packets to it leave, and nobody answers. */
export const deadAddress = '198.18.0.2';
const deadMac = '02:00:00:00:00:02';

function ip(command: string): void {
  execFileSync('ip', command.split(' '));
}

/** With its neighbour known for ever, the kernel sends packets without asking first whether anybody is there. */
export function layDeadWire(): void {
  ip('link set lo up');
  ip('link add wire type veth peer name nowhere');
  ip(`addr add ${ownAddress}/30 dev wire`);
  ip('link set wire up');
  ip('link set nowhere up');
  ip(`neigh replace ${deadAddress} lladdr ${deadMac} dev wire nud permanent`);
}

/** An address of this machine, which it can be robbed of. */
export function borrowAddress(address: string): void {
  ip(`route add local ${address} dev lo src ${ownAddress}`);
}

/** From now on packets to that address go over the dead wire, those of open connections too. */
export function moveBehindDeadWire(address: string): void {
  ip(`route del local ${address} dev lo`);
  ip(`route add ${address} dev wire src ${ownAddress}`);
  ip(`neigh replace ${address} lladdr ${deadMac} dev wire nud permanent`);
}

/** A counter of `TcpExt` in /proc/net/netstat: a line of names, a line of numbers. */
export function readTcpCounter(name: string): number {
  const lines = readFileSync('/proc/net/netstat', 'utf8').split('\n');
  const [names = [], numbers = []] = lines.filter((line) => line.startsWith('TcpExt:')).map((line) => line.split(' '));
  return Number(numbers[names.indexOf(name)]);
}
