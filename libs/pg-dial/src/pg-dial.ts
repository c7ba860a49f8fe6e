// Dials a compute: socket, TLS where that is its proof of identity, login with the client's own SCRAM keys, proof of identity. What it returns is a session in
// which nothing has been asked for yet, and not one byte of it is lost.
//
// It refuses a compute that asks for no SCRAM. One that lets anybody in (trust) could be anybody, whatever name it claims;
// one that asks for a cleartext or MD5 password asks for what a gateway with keys only does not have.

import type { ScramKeys } from '@pgwake/client-auth';
import {
  type DialAttempt,
  type DialOutcome,
  type Mechanism,
  type NodeInfo,
  classifyDialError,
} from '@pgwake/connect-core';
import { encodeTerminate } from '@pgwake/pg-wire';
import { describeAddress } from '@pgwake/wake-api';
import { beginLogin, finishLogin } from './begin-login.js';
import { type ComputeConnection, handOut } from './compute-connection.js';
import type { ComputeNetwork } from './compute-network.js';
import type { DialAhead } from './dial-ahead.js';
import type { ComputeStartup } from './login.js';

/** Who logs in, as what, and what proves it. */
export interface ComputeLogin extends ComputeStartup {
  readonly keys: ScramKeys;
}

/** One login at whatever address it is given, over what was begun `ahead` if that leads there. Never throws, never tries twice. */
export function createPgDial(
  login: ComputeLogin,
  network: ComputeNetwork,
  ahead?: DialAhead,
): Mechanism<ComputeConnection> {
  return {
    async dialOnce({ info }, attempt): Promise<DialOutcome<ComputeConnection>> {
      try {
        const connection =
          (await ahead?.goOn(info, attempt, login.keys)) ?? (await dial(info, login, network, attempt));
        return { ok: true, connection };
      } catch (error) {
        const failure = classifyDialError(error, describeAddress(info.address));
        // The proof is the last step of a dial, so whatever fails has failed before it.
        return { ok: false, failure: { error: failure, proven: false } };
      }
    },

    discard({ socket }) {
      // A farewell, otherwise the compute's log says that a client broke off.
      if (socket.writable) socket.write(encodeTerminate());
      socket.destroySoon();
    },
  };
}

async function dial(
  info: NodeInfo,
  login: ComputeLogin,
  network: ComputeNetwork,
  attempt: DialAttempt,
): Promise<ComputeConnection> {
  const begun = await beginLogin(info, login, network, attempt);
  const loggedIn = await finishLogin(begun, login.keys, info.identity);
  return handOut(begun, loggedIn, info);
}
