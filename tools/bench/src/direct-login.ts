// The way to a compute of the system under test that leaves pgwake out: over its Unix socket, with the role's own password.

import { join } from 'node:path';
import { placeOf, prepareHome } from '@pgwake/compute-process';
import type { System, TestEndpoint } from '@pgwake/testkit';
import type pg from 'pg';

export interface DirectLogin {
  readonly config: pg.ClientConfig;
  /** Of the compute, which has one before it first starts too. */
  readonly dataDirectory: string;
}

export async function findDirectLogin(system: System, endpoint: TestEndpoint): Promise<DirectLogin> {
  const { root } = await prepareHome({ dataDir: system.dataDir });
  const { socketDirectory, dataDirectory } = placeOf(join(root, 'computes', endpoint.endpoint));
  const { role: user, password, database } = endpoint;
  return { config: { host: socketDirectory, port: 5432, user, password, database }, dataDirectory };
}
