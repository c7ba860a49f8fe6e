import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { EndpointId, Generation, RoleName } from '@pgwake/ids';
import { type TestPostgres, startTestPostgres, waitFor } from '@pgwake/testkit';
import type { RunningCompute, StoredAccess } from '@pgwake/wake-core';
import { Client } from 'pg';
import { ServiceLinks } from '../computes/service-links.js';
import { EndpointAccessReader } from './endpoint-access.js';

const endpoint = 'demo' as EndpointId;
const role = 'app' as RoleName;
const stored =
  'SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVkc3RvcmVkc3RvcmVkc3RvcmVkc3RvcmVkc3Q=:c2VydmVyc2VydmVyc2VydmVyc2VydmVyc2VydmVyc2U=';

/** The compute of each generation, from 1. */
const computes: TestPostgres[] = [];
let links: ServiceLinks;
let access: EndpointAccessReader;
let findAccess: () => Promise<StoredAccess | undefined>;

beforeAll(async () => {
  for (const password of ['first', 'second'])
    computes.push(await startTestPostgres({ roles: [{ name: role, password }] }));
});
beforeEach(() => {
  const serviceAccess = ({ generation }: RunningCompute) => ({
    ...computeOf(generation).connectionConfig,
    database: 'pgwake',
  });
  links = new ServiceLinks({ serviceAccess }, () => undefined);
  access = new EndpointAccessReader({ findAccess: () => findAccess() }, links, new Uint8Array(32));
});
afterEach(() => links.close());
afterAll(() => Promise.all(computes.map((compute) => compute.stop())));

function computeOf(generation: number): TestPostgres {
  const compute = computes[generation - 1];
  if (compute === undefined) throw new RangeError(`there is no generation ${generation}`);
  return compute;
}

/** What the catalog says while this generation runs; none: while the endpoint sleeps. */
function whileRunning(generation: number | undefined): StoredAccess {
  const running: RunningCompute | undefined =
    generation === undefined
      ? undefined
      : {
          endpoint,
          generation: generation as Generation,
          address: { kind: 'unix', socketDirectory: '/run/x', port: 5432 },
          identity: { kind: 'unproven' },
        };
  return { availability: 'open', allowedNetworks: [], running, verifier: stored };
}

async function ask(compute: TestPostgres, text: string): Promise<string> {
  const client = new Client(compute.connectionConfig);
  await client.connect();
  try {
    return String((await client.query<{ value: unknown }>(text)).rows[0]?.value);
  } finally {
    await client.end();
  }
}
const verifierIn = (generation: number) =>
  ask(computeOf(generation), `select rolpassword as value from pg_authid where rolname = '${role}'`);
const readsOf = (compute: TestPostgres) =>
  ask(compute, `select max(query_start)::text as value from pg_stat_activity where application_name = 'pgwake'`);

/** So that the link to it is up. */
async function readOnceFrom(generation: number): Promise<void> {
  findAccess = () => Promise.resolve(whileRunning(generation));
  expect((await access.read(endpoint, role)).verifier).toBe(await verifierIn(generation));
}

describe('the verifier of a login', () => {
  it('is read at the compute while the catalog is still being asked', async () => {
    await readOnceFrom(1);
    const before = await readsOf(computeOf(1));
    let answer: (found: StoredAccess) => void = () => undefined;
    findAccess = () => new Promise((resolve) => (answer = resolve));
    const reading = access.read(endpoint, role);
    await waitFor(async () => (await readsOf(computeOf(1))) !== before, 5_000);
    answer(whileRunning(1));
    expect((await reading).verifier).toBe(await verifierIn(1));
  });

  it('is that of the generation that runs, whichever one answered before', async () => {
    await readOnceFrom(1);
    await readOnceFrom(2);
  });

  it('is the one of the catalog when nothing runs any more, though the compute answers still', async () => {
    await readOnceFrom(1);
    findAccess = () => Promise.resolve(whileRunning(undefined));
    expect((await access.read(endpoint, role)).verifier).toBe(stored);
  });

  it('counts as soon as it is set in SQL', async () => {
    await readOnceFrom(2);
    const old = await verifierIn(2);
    await ask(computeOf(2), `alter role ${role} password 'third'`);
    expect(await verifierIn(2)).not.toBe(old);
    await readOnceFrom(2);
  });

  it('is not given away when the catalog cannot be asked', async () => {
    await readOnceFrom(1);
    findAccess = () => Promise.reject(new Error('timeout exceeded'));
    await expect(access.read(endpoint, role)).rejects.toThrow('timeout exceeded');
  });
});
