// A story that needs a network of its own (see in-namespace.ts): a session whose compute's packets are dropped from one
// moment on, as when its machine loses its power. Nothing is refused, reset or closed.

import { startScriptedPostgres, steps } from '@pgwake/testkit';
import pg from 'pg';
import { borrowAddress, layDeadWire, moveBehindDeadWire, readTcpCounter } from './dead-wire.js';
import { Gateway } from './gateway.js';
import { World, nodeAt } from './world.js';

export interface VanishedCompute {
  /** What the compute answered before. */
  readonly before: unknown;
  /** What the client of the query that was under way read, or what it got. */
  readonly told: { readonly code?: string | undefined; readonly message: string };
  /** From the query on. */
  readonly tookMs: number;
  /** Packets that the kernel sent again because nobody acknowledged them. */
  readonly repeatedPackets: number;
  readonly metrics: string;
}

const computeAddress = '198.18.7.1';

layDeadWire();
borrowAddress(computeAddress);
const gateway = await Gateway.start({ PGWAKE_COMPUTE_SILENCE_MS: '1000' });
const world = new World(gateway);
try {
  const name = world.nameOf(1);
  const answer = () => steps.encodeRow('by', name);
  const scripts = [steps.serve({ verifier: gateway.wake.verifier, clusterName: name, answer })];
  const compute = await startScriptedPostgres({ host: computeAddress, scripts });
  world.atEnd(() => compute.stop());
  world.wakes(nodeAt(compute, 1));

  const client = new pg.Client(gateway.connectionConfig(world.endpoint));
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query<{ by: string }>('select who is there');
  moveBehindDeadWire(computeAddress);
  const repeatedBefore = readTcpCounter('TCPTimeouts');
  const from = performance.now();
  const told = await client.query('select who is there').then(
    () => ({ message: 'no error' }),
    ({ code, message }: pg.DatabaseError) => ({ code, message }),
  );
  const story: VanishedCompute = {
    before: rows,
    told,
    tookMs: performance.now() - from,
    repeatedPackets: readTcpCounter('TCPTimeouts') - repeatedBefore,
    metrics: await gateway.metrics(),
  };
  process.stdout.write(`${JSON.stringify(story)}\n`);
} finally {
  await world.end();
  await gateway.stop();
}
