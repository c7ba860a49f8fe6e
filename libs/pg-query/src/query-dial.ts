// The connect mechanism of SQL over HTTP: a dial, and a query connection over what it logged in.

import type { Mechanism } from '@pgwake/connect-core';
import { type ComputeLogin, type ComputeNetwork, createPgDial } from '@pgwake/pg-dial';
import type { QueryConnection, QueryConnectionSettings } from './query-connection.js';
import { createQueryConnection } from './socket-query-connection.js';

/** As `createPgDial`. Results are text in UTF-8, whatever the parameters of the login say. */
export function createQueryDial(
  login: ComputeLogin,
  network: ComputeNetwork,
  settings: QueryConnectionSettings,
): Mechanism<QueryConnection> {
  const others = login.parameters.filter(([name]) => name !== 'client_encoding');
  const dial = createPgDial({ ...login, parameters: [...others, ['client_encoding', 'UTF8']] }, network);
  return {
    async dialOnce(node, attempt) {
      const { generation } = node.info;
      const outcome = await dial.dialOnce(node, attempt);
      if (!outcome.ok) return outcome;
      const { connection } = outcome;
      return {
        ok: true,
        connection: createQueryConnection({ connection, generation, user: login.user, network, settings }),
      };
    },
    discard: (connection) => connection.close(),
  };
}
