// How clients of a role log in with tokens.

import type { Catalog } from '@pgwake/wake-core';
import type { Pool } from 'pg';

type TokenLogins = Pick<Catalog, 'findTokenLogin' | 'storeTokenLogin' | 'removeTokenLogin'>;

interface TokenLoginRow {
  readonly jwks_url: string | null;
  readonly jwks: string | null;
  readonly issuer: string | null;
  readonly audience: string | null;
  readonly client_key: Buffer;
  readonly server_key: Buffer;
}

export function createTokenLogins(pool: Pool): TokenLogins {
  return {
    async findTokenLogin(id, role) {
      const { rows } = await pool.query<TokenLoginRow>({
        name: 'find-token-login',
        text: `select jwks_url, jwks, issuer, audience, client_key, server_key
               from pgwake.token_logins where endpoint = $1 and role = $2`,
        values: [id, role],
      });
      const row = rows[0];
      if (row === undefined) return undefined;
      const { jwks_url: url, jwks, issuer, audience, client_key: clientKey, server_key: serverKey } = row;
      return {
        rule: {
          keySet: url === null ? { kind: 'inline', jwks: jwks ?? '' } : { kind: 'url', url },
          issuer: issuer ?? undefined,
          audience: audience ?? undefined,
        },
        clientKey,
        serverKey,
      };
    },

    async storeTokenLogin(id, role, { rule: { keySet, issuer, audience }, clientKey, serverKey }) {
      const { rowCount } = await pool.query(
        `insert into pgwake.token_logins (endpoint, role, jwks_url, jwks, issuer, audience, client_key, server_key)
         select id, $2, $3, $4, $5, $6, $7, $8 from pgwake.endpoints where id = $1 and availability <> 'deleting'
         on conflict (endpoint, role) do update set
           (jwks_url, jwks, issuer, audience, client_key, server_key) =
           (excluded.jwks_url, excluded.jwks, excluded.issuer, excluded.audience, excluded.client_key, excluded.server_key)`,
        [
          id,
          role,
          keySet.kind === 'url' ? keySet.url : null,
          keySet.kind === 'inline' ? keySet.jwks : null,
          issuer ?? null,
          audience ?? null,
          Buffer.from(clientKey),
          Buffer.from(serverKey),
        ],
      );
      return rowCount === 1;
    },

    async removeTokenLogin(id, role) {
      const { rowCount } = await pool.query('delete from pgwake.token_logins where endpoint = $1 and role = $2', [
        id,
        role,
      ]);
      return rowCount === 1;
    },
  };
}
