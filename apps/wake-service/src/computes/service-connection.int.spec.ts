// wake-service's own connections on real sockets, to computes that fail in ways that pass.

import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { deriveVerifier } from '@pgwake/client-auth';
import {
  type LeakCheck,
  type ScriptedPostgres,
  type Step,
  startLeakCheck,
  startScriptedPostgres,
  steps,
} from '@pgwake/testkit';
import type { ServiceAccess } from '@pgwake/wake-core';
import { Client } from 'pg';
import { connectAsService } from './service-connection.js';

const deadlineMs = 3_000;
const password = 'of the service';

let verifier: string;
let leaks: LeakCheck;
let compute: ScriptedPostgres;

beforeAll(async () => {
  verifier = await deriveVerifier(password);
});
beforeEach(() => {
  leaks = startLeakCheck();
});
afterEach(async () => {
  await compute.stop();
  await leaks.expectNothingLeft();
});

/** Its first clients meet these, all others a healthy Postgres. */
async function start(...scripts: readonly (readonly Step[])[]): Promise<ServiceAccess> {
  const healthy = steps.serve({ verifier, clusterName: 'scripted' });
  compute = await startScriptedPostgres({ scripts: [...scripts, healthy] });
  if (compute.address.kind !== 'tcp') throw new Error('not on TCP');
  const { host, port } = compute.address;
  return { host, port, user: 'pgwake', password, database: 'pgwake' };
}

/** What `pg` itself makes of it, without our journey around it. */
async function errorOfPg(access: ServiceAccess): Promise<Error & { readonly code?: string }> {
  const client = new Client(access);
  client.on('error', () => undefined);
  const error = await client.connect().then(
    () => new Error('it connected'),
    (caught: unknown) => caught as Error,
  );
  await client.end().catch(() => undefined);
  return error;
}

async function expectConnected(access: ServiceAccess): Promise<void> {
  const client = await connectAsService(access);
  expect((await client.query('show cluster_name')).rowCount).toBe(1);
  await client.end();
}

describe('a compute that', () => {
  it('closes during the login, which pg hides behind words of its own, is dialled again', async () => {
    const cut = [steps.startup(), steps.close()];
    const access = await start(cut, cut, cut);
    // An error of the library, with neither a code nor a cause.
    const { message, code, cause } = await errorOfPg(access);
    expect([message, code, cause]).toEqual(['Connection terminated unexpectedly', undefined, undefined]);
    await expectConnected(access);
    // The three, and the one behind the farewell of the last.
    expect(compute.seen.closes).toBe(4);
    expect(compute.seen.accepted).toBe(4);
  });

  it('resets during the login is dialled again', async () => {
    const access = await start([steps.startup(), steps.reset()], [steps.startup(), steps.reset()]);
    expect(await errorOfPg(access)).toMatchObject({ code: 'ECONNRESET' });
    await expectConnected(access);
    expect(compute.seen.resets).toBe(2);
  });

  it('says twice that it is starting up is dialled a third time', async () => {
    const starting = [steps.startup(), steps.fail('57P03', 'the database system is starting up')];
    await expectConnected(await start(starting, starting));
    expect(compute.seen.errors).toEqual(['57P03', '57P03']);
    expect(compute.seen.accepted).toBe(3);
  });

  it('refuses for a moment is dialled until it listens', async () => {
    const access = await start();
    await compute.refuse();
    const knock = connect(access.port, access.host);
    expect((await once(knock, 'error'))[0]).toMatchObject({ code: 'ECONNREFUSED' });
    const connected = expectConnected(access);
    await sleep(300); // while it refuses
    await compute.listen();
    await connected;
  });

  it('says nothing is given up and dialled again', async () => {
    await expectConnected(await start([]));
    expect(compute.seen.accepted).toBe(2);
  });

  it('stays away fails within the time limit, and the connection is nobody’s', async () => {
    const access = await start();
    await compute.refuse();
    const begunAt = performance.now();
    await expect(connectAsService(access)).rejects.toMatchObject({ code: 'CONNECT_DEADLINE' });
    expect(performance.now() - begunAt).toBeGreaterThanOrEqual(deadlineMs - 50);
  });

  it('rejects the login is not dialled again', async () => {
    const access = await start();
    await expect(connectAsService({ ...access, password: 'wrong' })).rejects.toMatchObject({
      code: 'COMPUTE_REJECTED_LOGIN',
    });
    expect(compute.seen.accepted).toBe(1);
  });
});
