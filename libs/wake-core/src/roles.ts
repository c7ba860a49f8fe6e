// Roles as the catalog keeps them: only such as a client can prove itself to with SCRAM while the compute sleeps.

import type { RoleName } from '@pgwake/ids';

/** `verifier` in the form of pg_authid.rolpassword: `SCRAM-SHA-256$...`. A secret: it never goes into a log. */
export interface RoleVerifier {
  readonly name: RoleName;
  readonly verifier: string;
}

/** Something to be done to a role inside the compute. */
export type RoleChange =
  | { readonly kind: 'set'; readonly name: RoleName; readonly verifier: string }
  | { readonly kind: 'drop'; readonly name: RoleName };

/** wake-service's own superuser in every compute, and the database its connection sits in. */
export const serviceRoleName = 'pgwake';
export const serviceDatabaseName = 'pgwake';
/** An empty database that a driver may put into new computes: renaming one takes a fraction of the time of making one. */
export const spareDatabaseName = 'pgwake_spare';

/** Names that no client may have: the service's own, those Postgres keeps for itself, and its keywords for roles. */
export function isReservedRole(name: string): boolean {
  return name === serviceRoleName || name.startsWith('pg_') || name === 'public' || name === 'none';
}

/** Names that the database of an endpoint cannot have. */
export function isReservedDatabase(name: string): boolean {
  return name === serviceDatabaseName || name === spareDatabaseName || name === 'template0' || name === 'template1';
}

export function sameRoles(a: readonly RoleVerifier[], b: readonly RoleVerifier[]): boolean {
  if (a.length !== b.length) return false;
  const verifiers = new Map(a.map((role) => [role.name, role.verifier]));
  return b.every((role) => verifiers.get(role.name) === role.verifier);
}
