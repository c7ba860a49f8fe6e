// How a test sees for itself that a fault is there.

import { once } from 'node:events';
import { type LookupFunction, connect } from 'node:net';
import type { ScriptedPostgres } from '@pgwake/testkit';

export function portOf({ address }: ScriptedPostgres): number {
  if (address.kind !== 'tcp') throw new Error('not on TCP');
  return address.port;
}

/** Knocks once and counts the refusal. */
export async function countRefusal(compute: ScriptedPostgres): Promise<() => number> {
  const refusals = await countRefusals(['127.0.0.1'], portOf(compute));
  return () => refusals;
}

/** How many of these refuse. Node reports those of several as one AggregateError. */
export async function countRefusals(addresses: readonly string[], port: number): Promise<number> {
  const lookup: LookupFunction = (_name, _options, give) =>
    give(
      null,
      addresses.map((address) => ({ address, family: 4 })),
    );
  const socket = connect({ host: 'all-of-them.test', port, lookup, autoSelectFamily: true });
  const [error] = (await once(socket, 'error')) as [
    NodeJS.ErrnoException & { readonly errors?: NodeJS.ErrnoException[] },
  ];
  return (error.errors ?? [error]).filter(({ code }) => code === 'ECONNREFUSED').length;
}
