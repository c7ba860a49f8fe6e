// The roles of a compute that a client could prove itself to with SCRAM. Whether they may log in is for Postgres to say.

import type { RoleName } from '@pgwake/ids';
import { serviceRoleName } from '@pgwake/wake-core';
import type { QueryConfig } from 'pg';

/** Both queries give rows of the shape of RoleVerifier. */
const columns = `select rolname as name, rolpassword as verifier from pg_catalog.pg_authid
                 where rolpassword like 'SCRAM-SHA-256$%'`;

export const allRoles: QueryConfig = {
  name: 'all-roles',
  text: `${columns} and rolname <> $1 order by rolname`,
  values: [serviceRoleName],
};

export function rolesNamed(names: readonly RoleName[]): QueryConfig {
  return { name: 'roles-named', text: `${columns} and rolname = any ($1::name[])`, values: [names] };
}
