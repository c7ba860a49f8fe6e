// How a compared server and the benchmark that started it know of each other.

import type { AddressInfo } from 'node:net';

export interface Listening {
  readonly port: number;
}

/** Tells the benchmark where this server listens. When the benchmark is gone, so is the server. */
export function tellParent(address: AddressInfo | string | null): void {
  if (process.send === undefined) throw new Error('this server is started by the benchmark only');
  const { port } = address as AddressInfo;
  process.send({ port } satisfies Listening);
  process.once('disconnect', () => process.exit());
}
