// What a client with a token is checked against. The keys are given away only while they are those of the role's verifier:
// whoever sets a password, here or in SQL, has ended the tokens of that role.

import { type ScramKeys, fitVerifier, parseVerifier } from '@pgwake/client-auth';
import type { EndpointId, RoleName } from '@pgwake/ids';
import type { TokenAccess } from '@pgwake/wake-api';
import type { Catalog } from '@pgwake/wake-core';
import type { EndpointAccessReader } from './endpoint-access.js';

export class TokenAccessReader {
  constructor(
    private readonly catalog: Pick<Catalog, 'findTokenLogin'>,
    private readonly access: EndpointAccessReader,
  ) {}

  /** Rejects only when the catalog cannot be asked. */
  async read(endpoint: EndpointId, role: RoleName): Promise<TokenAccess> {
    const [{ verifier, disabled, allowedNetworks }, login] = await Promise.all([
      this.access.read(endpoint, role),
      this.catalog.findTokenLogin(endpoint, role),
    ]);
    return { login: login && isCurrent(login, verifier) ? login : undefined, disabled, allowedNetworks };
  }
}

function isCurrent(keys: ScramKeys, text: string): boolean {
  const verifier = parseVerifier(text);
  return verifier !== undefined && fitVerifier(keys, verifier);
}
