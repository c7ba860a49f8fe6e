// Which verifier a login is to be checked against. While the compute runs its own pg_authid is asked, so a password
// changed in SQL counts for the very next login; while it sleeps the catalog's copy is. A role that does not exist, or
// that nobody may use, costs the same work and gets a made-up verifier, so that neither answer nor time tells it from
// others of its endpoint; so does an endpoint that does not exist, as if it slept.
// Not decided here: NOLOGIN and VALID UNTIL are for the compute to refuse, in its own words.

import { parseVerifier } from '@pgwake/client-auth';
import type { EndpointId, RoleName } from '@pgwake/ids';
import type { EndpointAccess } from '@pgwake/wake-api';
import {
  type Catalog,
  type ComputeRef,
  type RunningCompute,
  type StoredAccess,
  isReservedRole,
  isSameCompute,
} from '@pgwake/wake-core';
import type { ServiceLink } from '../computes/service-link.js';
import type { ServiceLinks } from '../computes/service-links.js';
import { MadeUpVerifiers } from './made-up-verifiers.js';
import { NextReadOfEach } from './next-read-of-each.js';

/** After that the catalog's copy, a few seconds old at most, is good enough. */
const liveReadLimitMs = 500;

type LiveAnswer = { readonly kind: 'read'; readonly verifier: string | undefined } | { readonly kind: 'unanswered' };

const unanswered: LiveAnswer = { kind: 'unanswered' };

/** A question put to a compute while the catalog is still being asked which one runs. */
interface EarlyQuestion {
  readonly ref: ComputeRef;
  readonly answer: Promise<LiveAnswer>;
}

export class EndpointAccessReader {
  /** Shared by all logins of one role: a crowd must not stand in line before the wake that it waits for. */
  readonly #stored = new NextReadOfEach<string, StoredAccess | undefined>();
  readonly #madeUp: MadeUpVerifiers;

  constructor(
    private readonly catalog: Pick<Catalog, 'findAccess'>,
    private readonly links: ServiceLinks,
    mockSecret: Uint8Array,
  ) {
    this.#madeUp = new MadeUpVerifiers(mockSecret);
  }

  /** Rejects only when the catalog cannot be asked. */
  async read(endpoint: EndpointId, role: RoleName): Promise<EndpointAccess> {
    const early = this.#askEarly(endpoint, role);
    const finding = this.#stored.ask(`${endpoint}/${role}`, () => this.catalog.findAccess(endpoint, role));
    const madeUp = this.#madeUp.of(endpoint, role);
    const found = await finding;
    if (!found || found.availability === 'deleting') {
      return { verifier: madeUp, disabled: false, allowedNetworks: [] };
    }
    const verifier = found.running
      ? await this.#verifierNow(found.running, role, found.verifier, early)
      : found.verifier;
    const offered = verifier ?? madeUp;
    const usable = parseVerifier(offered) !== undefined && !isReservedRole(role);
    return {
      verifier: usable ? offered : madeUp,
      disabled: found.availability === 'disabled',
      allowedNetworks: found.allowedNetworks,
    };
  }

  /** What ran a moment ago mostly runs still: then the two answers are waited for together, not one after the other. */
  #askEarly(endpoint: EndpointId, role: RoleName): EarlyQuestion | undefined {
    const held = this.links.established(endpoint);
    return held && { ref: held.ref, answer: ask(held.link, role) };
  }

  async #verifierNow(
    compute: RunningCompute,
    role: RoleName,
    stored: string | undefined,
    early: EarlyQuestion | undefined,
  ): Promise<string | undefined> {
    // Another generation may have had other roles.
    const asked = early && isSameCompute(early.ref, compute) ? early.answer : ask(this.links.to(compute), role);
    const answer = await asked;
    return answer.kind === 'read' ? answer.verifier : stored;
  }
}

/** Never rejects. */
function ask(link: ServiceLink, role: RoleName): Promise<LiveAnswer> {
  return new Promise((resolve) => {
    const settle = (answer: LiveAnswer) => {
      clearTimeout(limit);
      resolve(answer);
    };
    const limit = setTimeout(settle, liveReadLimitMs, unanswered);
    link.verifierOf(role).then(
      (verifier) => settle({ kind: 'read', verifier }),
      () => settle(unanswered),
    );
  });
}
