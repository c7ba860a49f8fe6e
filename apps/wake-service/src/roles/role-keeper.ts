// Role changes that come through the admin API. While the compute runs they are made there first and stored after; while
// it sleeps they are stored, count at once for logins, and are made at the next wake before it is announced.

import type { EndpointId } from '@pgwake/ids';
import {
  type Catalog,
  type ComputeDriver,
  type EndpointRecord,
  type RoleChange,
  type RunningCompute,
  runningCompute,
} from '@pgwake/wake-core';
import { DatabaseError } from 'pg';
import type { ComputeAdopter } from '../computes/adopt-computes.js';
import { untilDecided } from '../computes/changes.js';
import type { Exits } from '../computes/exits.js';
import { applyRoleChange } from './apply-role-changes.js';

export type RoleChangeResult =
  | { readonly kind: 'done'; readonly applied: 'now' | 'atNextWake' }
  | { readonly kind: 'endpointNotFound' }
  /** In Postgres' own words. */
  | { readonly kind: 'refused'; readonly message: string };

export class RoleKeeper {
  constructor(
    private readonly catalog: Catalog,
    private readonly driver: ComputeDriver,
    private readonly adopter: ComputeAdopter,
    private readonly exits: Exits,
  ) {}

  /** Rejects when neither the catalog nor a running compute can be reached. */
  change(endpoint: EndpointId, change: RoleChange): Promise<RoleChangeResult> {
    return untilDecided<RoleChangeResult>(this.catalog, endpoint, async (record) => {
      if (!record || record.availability === 'deleting') return { kind: 'endpointNotFound' };
      if (record.compute.kind === 'suspended') {
        return (await this.catalog.storePendingRole(endpoint, change))
          ? { kind: 'done', applied: 'atNextWake' }
          : 'again';
      }
      if (!record.compute.owner.lives) {
        await this.adopter.settle(endpoint);
        return 'again';
      }
      if (record.compute.kind !== 'running') return 'await';
      return this.#applyNow(runningCompute(endpoint, record.compute), change, record);
    });
  }

  async #applyNow(
    compute: RunningCompute,
    change: RoleChange,
    record: EndpointRecord,
  ): Promise<RoleChangeResult | 'again'> {
    try {
      await applyRoleChange(this.driver.serviceAccess(compute), change, record);
    } catch (error) {
      if (error instanceof DatabaseError && !isEnding(error)) return { kind: 'refused', message: error.message };
      const lives = await this.exits.check(compute);
      const now = (await this.catalog.find(compute.endpoint))?.compute;
      // It is there and cannot be reached: trying again at once would not help. Otherwise it has just gone to sleep.
      if (lives && now?.kind === 'running') throw error;
      return 'again';
    }
    return (await this.catalog.storeAppliedRole(compute, change)) ? { kind: 'done', applied: 'now' } : 'again';
  }
}

/** Class 57: the server is going down, or cancelled what we asked for. */
function isEnding(error: DatabaseError): boolean {
  return error.code?.startsWith('57') ?? false;
}
