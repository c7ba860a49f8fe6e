// Corpus B over sockets: whole, byte by byte, and at 50 seeded splits. Whatever a compute says, the dial ends with the error
// that the corpus names, at once, with the socket closed and little of the noise in memory.

import { beforeAll, describe, expect, it } from '@jest/globals';
import { type ScramKeys, checkPassword, deriveVerifier, parseVerifier } from '@pgwake/client-auth';
import { FreshNode } from '@pgwake/connect-core';
import {
  type Feeding,
  type HostileCompute,
  byteByByte,
  computeName,
  hostileComputes,
  lengthOf,
  seededSplits,
  whole,
} from '@pgwake/hostile-bytes';
import { type EndpointId, type Generation, parseEndpointId, parseGeneration } from '@pgwake/ids';
import { scriptHostileCompute, startLeakCheck, startScriptedPostgres } from '@pgwake/testkit';
import type { NodeAddress } from '@pgwake/wake-api';
import { createComputeNetwork, createPgDial } from './index.js';

const seed = 20_261_125;
const network = createComputeNetwork();
let verifier: string;
let keys: ScramKeys;

beforeAll(async () => {
  verifier = await deriveVerifier('secret', { iterations: 1 });
  const parsed = parseVerifier(verifier);
  const found = parsed && (await checkPassword('secret', parsed));
  if (found === undefined) throw new Error('the password does not fit');
  keys = found;
});

async function dial(address: NodeAddress): Promise<string> {
  const mechanism = createPgDial({ user: 'app', database: 'app', parameters: [], keys }, network);
  const node = new FreshNode({
    endpoint: parseEndpointId('demo') as EndpointId,
    generation: parseGeneration(1) as Generation,
    address,
    identity: { kind: 'clusterName', value: computeName },
    issuedAtMs: 1,
    signature: undefined,
  });
  const attempt = { signal: AbortSignal.timeout(10_000), onServerByte: () => undefined };
  const outcome = await mechanism.dialOnce(node, attempt);
  if (!outcome.ok) return outcome.failure.error.code;
  outcome.connection.socket.destroy();
  return 'connected';
}

/** Dials one compute after the other, each cut in its own way, and says which did not end as the corpus says. */
async function findSurprises(plays: readonly { compute: HostileCompute; feeding: Feeding }[]): Promise<string[]> {
  const leaks = startLeakCheck();
  const server = await startScriptedPostgres({
    scripts: plays.map(({ compute, feeding }) => scriptHostileCompute(compute, feeding, verifier)),
  });
  const surprises: string[] = [];
  for (const { compute, feeding } of plays) {
    const code = await dial(server.address);
    if (code !== compute.expected) surprises.push(`${compute.name}, ${feeding.name}: ${code}, not ${compute.expected}`);
  }
  expect(server.seen.accepted).toBe(plays.length);
  await server.stop();
  await leaks.expectNothingLeft();
  return surprises;
}

describe('corpus B over sockets', () => {
  it('gets from each entry what the corpus says, whole', async () => {
    expect(await findSurprises(hostileComputes.map((compute) => ({ compute, feeding: whole })))).toEqual([]);
  });

  it('gets the same byte by byte', async () => {
    const short = hostileComputes.filter((compute) => !compute.endless && lengthOf(compute) <= 4 * 1024);
    expect(await findSurprises(short.map((compute) => ({ compute, feeding: byteByByte })))).toEqual([]);
  });

  it('gets the same at 50 seeded splits each', async () => {
    const finite = hostileComputes.filter((compute) => !compute.endless && lengthOf(compute) < 1_000_000);
    const plays = finite.flatMap((compute) =>
      seededSplits(lengthOf(compute), 50, seed).map((feeding) => ({ compute, feeding })),
    );
    expect(await findSurprises(plays)).toEqual([]);
  });

  it('reads no more of an endless answer than a login may have', async () => {
    const endless = hostileComputes.filter(({ endless }) => endless);
    expect(endless.length).toBeGreaterThan(2);
    const before = process.memoryUsage().rss;
    for (let round = 0; round < 20; round += 1) {
      await findSurprises(endless.map((compute) => ({ compute, feeding: whole })));
    }
    const grownBy = process.memoryUsage().rss - before;
    expect(grownBy).toBeLessThan(64 * 1024 * 1024);
  });
});
