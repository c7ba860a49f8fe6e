// Query connections for tests, through the same dial as in production.

import { FreshNode } from '@pgwake/connect-core';
import { type EndpointId, type Generation, parseEndpointId, parseGeneration } from '@pgwake/ids';
import { type ComputeConnection, type ComputeLogin, createComputeNetwork } from '@pgwake/pg-dial';
import { type QueryConnection, type QueryConnectionSettings, createQueryDial } from '../index.js';

export const clusterName = 'pgwake/demo/3';
const network = createComputeNetwork();

/** To the database of the role's own name. */
export async function dialQuery(
  address: ComputeConnection['address'],
  role: Pick<ComputeLogin, 'user' | 'keys'>,
  settings: Partial<QueryConnectionSettings> = {},
): Promise<QueryConnection> {
  const node = new FreshNode({
    endpoint: parseEndpointId('demo') as EndpointId,
    generation: parseGeneration(3) as Generation,
    address,
    identity: { kind: 'clusterName', value: clusterName },
    issuedAtMs: 1,
    signature: undefined,
  });
  const limits = { maxMessageBytes: 1 << 20, cancelLimitMs: 5_000, ...settings };
  const mechanism = createQueryDial({ ...role, database: role.user, parameters: [] }, network, limits);
  const attempt = { signal: AbortSignal.timeout(10_000), onServerByte: () => undefined };
  const outcome = await mechanism.dialOnce(node, attempt);
  if (!outcome.ok) throw outcome.failure.error;
  return outcome.connection;
}
