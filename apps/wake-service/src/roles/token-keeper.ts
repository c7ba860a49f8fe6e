// Roles whose clients log in with tokens. Such a role has a password that nobody knows, of which only the keys are kept.

import { randomBytes } from 'node:crypto';
import { checkPassword, deriveVerifier, parseVerifier } from '@pgwake/client-auth';
import type { EndpointId, RoleName } from '@pgwake/ids';
import type { TokenRule } from '@pgwake/wake-api';
import type { Catalog } from '@pgwake/wake-core';
import type { RoleChangeResult, RoleKeeper } from './role-keeper.js';

export class TokenKeeper {
  constructor(
    private readonly catalog: Pick<Catalog, 'storeTokenLogin' | 'removeTokenLogin'>,
    private readonly roles: RoleKeeper,
  ) {}

  /** Makes the role if there is none. Its password, if it had one, works no longer. */
  async set(endpoint: EndpointId, role: RoleName, rule: TokenRule): Promise<RoleChangeResult> {
    const password = randomBytes(32).toString('base64url');
    const verifier = await deriveVerifier(password);
    const parsed = parseVerifier(verifier);
    const keys = parsed && (await checkPassword(password, parsed));
    if (keys === undefined) throw new Error('a verifier that does not fit its own password');
    const result = await this.roles.change(endpoint, { kind: 'set', name: role, verifier });
    if (result.kind !== 'done') return result;
    const stored = await this.catalog.storeTokenLogin(endpoint, role, { rule, ...keys });
    return stored ? result : { kind: 'endpointNotFound' };
  }

  /** False when the role took no tokens. It stays, and nobody can log in until it is given a password. */
  remove(endpoint: EndpointId, role: RoleName): Promise<boolean> {
    return this.catalog.removeTokenLogin(endpoint, role);
  }
}
