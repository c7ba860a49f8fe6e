// The one connection of an instance that stays: over it the instance listens for changes, and holds the lock by which the
// others see that it lives. When it breaks, it is made again, and the listeners hear that they may have missed something.

import type { EndpointId } from '@pgwake/ids';
import type { OwnerId } from '@pgwake/wake-core';
import { Client, type ClientConfig } from 'pg';

/** The same number stands in the function pgwake.owner_lives. */
const ownerLockClass = 1_885_824_875;
const reconnectAfterMs = 250;
const heartbeatEveryMs = 10_000;
const answerWithinMs = 5_000;

export type ChangeListener = (id: EndpointId | undefined) => void;

export interface Presence {
  readonly self: OwnerId;
  onChange(listener: ChangeListener): () => void;
  close(): Promise<void>;
}

/** Rejects when the first connection fails; later failures are repaired for as long as it takes. */
export async function becomePresent(config: ClientConfig): Promise<Presence> {
  const listeners = new Set<ChangeListener>();
  const tell: ChangeListener = (id) => {
    for (const listener of listeners) listener(id);
  };
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let client = await connect(config);
  const self = await takeNumber(client);
  await appear(client, self);
  watch(client);

  function watch(watched: Client): void {
    watched.on('notification', (notification) => tell(notification.payload as EndpointId));
    watched.once('end', reappear);
    scheduleHeartbeat(watched);
  }

  function scheduleHeartbeat(watched: Client): void {
    timer = setTimeout(() => {
      // A connection to a machine that went away answers nothing and ends nothing.
      watched.query('select 1').then(
        () => scheduleHeartbeat(watched),
        () => watched.end().catch(() => undefined),
      );
    }, heartbeatEveryMs).unref();
  }

  function reappear(): void {
    clearTimeout(timer);
    if (closed) return;
    timer = setTimeout(() => {
      connectAgain().catch(reappear);
    }, reconnectAfterMs);
  }

  async function connectAgain(): Promise<void> {
    const fresh = await connect(config);
    await appear(fresh, self).catch(async (error: unknown) => {
      await fresh.end();
      throw error;
    });
    if (closed) return fresh.end();
    client = fresh;
    watch(fresh);
    tell(undefined);
  }

  return {
    self,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await client.end();
    },
  };
}

async function connect(config: ClientConfig): Promise<Client> {
  const client = new Client({
    ...config,
    application_name: 'pgwake presence',
    connectionTimeoutMillis: answerWithinMs,
    query_timeout: answerWithinMs,
    keepAlive: true,
  });
  // A broken connection is reported by `end`; without a listener for `error` it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function takeNumber(client: Client): Promise<OwnerId> {
  const { rows } = await client.query<{ self: number }>(`select nextval('pgwake.owners')::integer as self`);
  return rows[0]?.self as OwnerId;
}

async function appear(client: Client, self: OwnerId): Promise<void> {
  // When this machine vanishes, the server must notice within half a minute. No effect on a unix socket.
  await client.query('set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 4');
  await client.query('listen pgwake_endpoints');
  // Shared, so that it is not kept waiting by the old connection of the same instance, should that one linger.
  await client.query('select pg_advisory_lock_shared($1, $2)', [ownerLockClass, self]);
}
