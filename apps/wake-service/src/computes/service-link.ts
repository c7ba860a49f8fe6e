// The connection of wake-service to one compute: reads who may log in and whether anything is going on. It is made at
// first use, sits in a database of its own, and changes nothing; role changes have connections of their own, so that a
// slow one keeps no login waiting.

import type { RoleName } from '@pgwake/ids';
import type { ActivitySample, RoleVerifier, ServiceAccess } from '@pgwake/wake-core';
import { type Client, DatabaseError, type QueryConfig } from 'pg';
import { NextRead } from '../roles/next-read.js';
import { allRoles, rolesNamed } from '../roles/role-queries.js';
import { type ActivityRow, activityQuery, toSample } from './activity-query.js';
import { connectAsService } from './service-connection.js';

export class ServiceLink {
  #client: Promise<Client> | undefined;
  /** The client that is connected, unless another one took its place or it ended. */
  #established: Promise<Client> | undefined;
  readonly #verifiers = new NextRead((roles: readonly RoleName[]) => this.#readVerifiers(roles));
  #closed = false;

  /** `onLost`: an established connection ended although nobody closed it. */
  constructor(
    private readonly access: ServiceAccess,
    private readonly onLost: () => void,
  ) {}

  /** Whether a question would be answered over a connection that is there already. */
  get isEstablished(): boolean {
    return this.#client !== undefined && this.#client === this.#established;
  }

  async sampleActivity(): Promise<ActivitySample> {
    const rows = await this.#read<ActivityRow>({ name: 'activity', text: activityQuery });
    return toSample(rows[0]);
  }

  async readRoles(): Promise<readonly RoleVerifier[]> {
    return this.#read(allRoles);
  }

  /** As it was at some moment after the call. Many callers share one read, and there is one at a time. */
  verifierOf(role: RoleName): Promise<string | undefined> {
    return this.#verifiers.ask(role);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#discard();
  }

  async #readVerifiers(names: readonly RoleName[]): Promise<ReadonlyMap<RoleName, string>> {
    const rows = await this.#read<RoleVerifier>(rolesNamed(names));
    return new Map(rows.map((row) => [row.name, row.verifier]));
  }

  async #read<Row extends object>(query: QueryConfig): Promise<Row[]> {
    const client = await this.#connected();
    try {
      return (await client.query<Row>(query)).rows;
    } catch (error) {
      // After a timeout of ours the connection still waits for that answer, and everybody else would wait behind it.
      if (!(error instanceof DatabaseError)) await this.#discard();
      throw error;
    }
  }

  #connected(): Promise<Client> {
    if (this.#closed) return Promise.reject(new Error('the service link is closed'));
    if (this.#client) return this.#client;
    const connecting = connectAsService(this.access);
    this.#client = connecting;
    connecting.then(
      (client) => {
        this.#established = connecting;
        client.once('end', () => {
          if (this.#client !== connecting) return;
          this.#client = undefined;
          this.onLost();
        });
      },
      () => {
        if (this.#client === connecting) this.#client = undefined;
      },
    );
    return connecting;
  }

  async #discard(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.then((connected) => connected.end()).catch(() => undefined);
  }
}
