// The connections of wake-service itself to a compute: the same journey as a client's, by another mechanism. Its start is known,
// so nothing is cached and the wake answers at once.

import { randomUUID } from 'node:crypto';
import { type ConnectPolicy, type NodeCachePort, type WakePort, createConnector } from '@pgwake/connect-core';
import type { EndpointId, Generation, SessionId } from '@pgwake/ids';
import { systemClock } from '@pgwake/nest-kit';
import type { NodeAddress } from '@pgwake/wake-api';
import type { ServiceAccess } from '@pgwake/wake-core';
import type { Client } from 'pg';
import { createServiceDial } from './service-dial.js';

const answerWithinMs = 2_000;

/** Short: a compute that was announced has been up already, and one that is gone has to be noticed soon. */
const policy: Partial<ConnectPolicy> = { deadlineMs: 3_000, freshDialMs: 2_000 };

/** Verifiers travel in statements of this connection: none of them goes into the compute's own log. */
const sessionOptions = '-c log_statement=none -c log_min_error_statement=panic -c log_min_duration_statement=-1';

/**
 * Logs in to a compute as the service role, again if need be: a compute that has just come up may be cut off or refuse for
 * a moment. `answerWithinMs` is the limit of every single answer. Rejects with a GatewayError.
 */
export async function connectAsService(
  access: ServiceAccess,
  limit: { readonly answerWithinMs: number } = { answerWithinMs },
): Promise<Client> {
  const mechanism = createServiceDial({
    ...access,
    application_name: 'pgwake',
    options: sessionOptions,
    statement_timeout: limit.answerWithinMs,
    query_timeout: limit.answerWithinMs + 500,
    keepAlive: true,
  });
  const connector = createConnector({
    cache: noCache,
    wake: wakeAt(access),
    clock: systemClock,
    random: Math.random,
    policy,
  });
  const result = await connector.connectToCompute({
    endpoint,
    sessionId: randomUUID() as string as SessionId,
    user: access.user,
    mechanism,
    signal: never,
  });
  if (!result.ok) throw result.error;
  return result.connection;
}

/** Each connection has a connector of its own, which knows of no other endpoint. */
const endpoint = 'service' as EndpointId;
const never = new AbortController().signal;

const noCache: NodeCachePort = {
  get: () => Promise.resolve(undefined),
  peek: () => undefined,
  put: () => Promise.resolve(),
  evict: () => Promise.resolve(),
};

/** The compute is there: whoever wants this connection has started it, or found it running. */
function wakeAt({ host, port }: ServiceAccess): WakePort {
  const address: NodeAddress = host.startsWith('/')
    ? { kind: 'unix', socketDirectory: host, port }
    : { kind: 'tcp', host, port };
  return {
    wake: () =>
      Promise.resolve({
        ok: true,
        node: {
          endpoint,
          generation: 1 as Generation,
          address,
          identity: { kind: 'unproven' },
          issuedAtMs: Date.now(),
          signature: undefined,
          startKind: 'running',
        },
      }),
  };
}
