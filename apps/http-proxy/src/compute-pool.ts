// The pool of query connections, each made by the same journey to the compute that a client of the Postgres protocol goes:
// node cache, wake, dial, proof of identity.

import type { Connector, JourneyReport } from '@pgwake/connect-core';
import type { GatewayError } from '@pgwake/gateway-errors';
import type { SessionId } from '@pgwake/ids';
import type { ComputeNetwork } from '@pgwake/pg-dial';
import { type QueryConnection, type QueryConnectionSettings, createQueryDial } from '@pgwake/pg-query';
import type { SqlPool } from '@pgwake/sql-pool';
import type { Caller } from './caller.js';
import type { RequestAbort } from './request-abort.js';

/** What a request wants a connection for. */
export interface Wanted {
  readonly caller: Caller;
  /** Whether a connection that served others will do. One that is opened for it alone counts among those of its endpoint too. */
  readonly pooled: boolean;
  readonly sessionId: SessionId;
  /** Aborted when nobody waits for the answer any more. */
  readonly abort: RequestAbort;
}

export interface ComputePool {
  /** As `use` of a SqlPool. */
  use<R>(wanted: Wanted, work: (connection: QueryConnection) => Promise<R>): Promise<R>;
}

export interface ComputePoolDeps {
  readonly pool: SqlPool<QueryConnection>;
  readonly connector: Connector;
  readonly network: ComputeNetwork;
  readonly connection: QueryConnectionSettings;
  readonly onJourney: (wanted: Wanted, journey: JourneyReport, error: GatewayError | undefined) => void;
}

export function createComputePool({ pool, connector, network, connection, onJourney }: ComputePoolDeps): ComputePool {
  async function open(wanted: Wanted): Promise<QueryConnection> {
    const { caller, sessionId } = wanted;
    const { signal } = wanted.abort;
    const { endpoint, role: user, database, parameters, proof } = caller;
    const mechanism = createQueryDial({ user, database, parameters, keys: proof.keys }, network, connection);
    const result = await connector.connectToCompute({ endpoint, sessionId, user, mechanism, signal });
    onJourney(wanted, result.report, result.ok ? undefined : result.error);
    if (result.ok) return result.connection;
    // Why it was given up is known better here than as CLIENT_GONE.
    signal.throwIfAborted();
    throw result.error;
  }

  return {
    use(wanted, work) {
      const { caller, pooled, abort } = wanted;
      return pool.use(
        { key: caller.poolKey, reuse: pooled, open: () => open(wanted), abort, signal: () => abort.signal },
        work,
      );
    },
  };
}
