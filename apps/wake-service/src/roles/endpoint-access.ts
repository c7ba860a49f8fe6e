// Which verifier a login is to be checked against. While the compute runs its own pg_authid is asked, so a password
// changed in SQL counts for the very next login; while it sleeps the catalog's copy is. A role that does not exist, or
// that nobody may use, costs the same reads and gets a made-up verifier, so that neither answer nor time tells it from
// others of its endpoint; so does an endpoint that does not exist, as if it slept.
// Not decided here: NOLOGIN and VALID UNTIL are for the compute to refuse, in its own words.

import { setTimeout as sleep } from 'node:timers/promises';
import { formatVerifier, makeMockVerifier, parseVerifier } from '@pgwake/client-auth';
import type { EndpointId, RoleName } from '@pgwake/ids';
import type { EndpointAccess } from '@pgwake/wake-api';
import { type Catalog, type RunningCompute, isReservedRole, runningCompute } from '@pgwake/wake-core';
import type { ServiceLinks } from '../computes/service-links.js';
import { NextReadOfEach } from './next-read-of-each.js';

/** After that the catalog's copy, a few seconds old at most, is good enough. */
const liveReadLimitMs = 500;

type LiveAnswer = { readonly kind: 'read'; readonly verifier: string | undefined } | { readonly kind: 'unanswered' };

export class EndpointAccessReader {
  /** Shared by all logins of one role: a crowd must not stand in line before the wake that it waits for. */
  readonly #stored = new NextReadOfEach<string, Awaited<ReturnType<Catalog['findAccess']>>>();

  constructor(
    private readonly catalog: Catalog,
    private readonly links: ServiceLinks,
    private readonly mockSecret: Uint8Array,
  ) {}

  /** Rejects only when the catalog cannot be asked. */
  async read(endpoint: EndpointId, role: RoleName): Promise<EndpointAccess> {
    const found = await this.#stored.ask(`${endpoint}/${role}`, () => this.catalog.findAccess(endpoint, role));
    if (!found || found.record.availability === 'deleting') {
      return { verifier: this.#mock(endpoint, role), disabled: false, allowedNetworks: [] };
    }
    const { record } = found;
    const verifier =
      record.compute.kind === 'running'
        ? await this.#verifierNow(runningCompute(endpoint, record.compute), role, found.verifier)
        : found.verifier;
    const usable = verifier !== undefined && !isReservedRole(role) && parseVerifier(verifier) !== undefined;
    return {
      verifier: usable ? verifier : this.#mock(endpoint, role),
      disabled: record.availability === 'disabled',
      allowedNetworks: record.allowedNetworks,
    };
  }

  async #verifierNow(compute: RunningCompute, role: RoleName, stored: string | undefined): Promise<string | undefined> {
    const limit = new AbortController();
    const answer = await Promise.race([
      this.#ask(compute, role),
      sleep<LiveAnswer>(liveReadLimitMs, { kind: 'unanswered' }, { signal: limit.signal }),
    ]);
    limit.abort();
    return answer.kind === 'read' ? answer.verifier : stored;
  }

  async #ask(compute: RunningCompute, role: RoleName): Promise<LiveAnswer> {
    try {
      return { kind: 'read', verifier: await this.links.to(compute).verifierOf(role) };
    } catch {
      return { kind: 'unanswered' };
    }
  }

  #mock(endpoint: EndpointId, role: RoleName): string {
    return formatVerifier(makeMockVerifier(this.mockSecret, endpoint, role));
  }
}
