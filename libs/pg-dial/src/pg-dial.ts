// Dials a compute: socket, TLS where that is its proof of identity, login with the client's own SCRAM keys, proof of identity. What it returns is a session in
// which nothing has been asked for yet, and not one byte of it is lost.
//
// It refuses a compute that asks for no SCRAM. One that lets anybody in (trust) could be anybody, whatever name it claims;
// one that asks for a cleartext or MD5 password asks for what a gateway with keys only does not have.

import type { Socket } from 'node:net';
import type { ScramKeys } from '@pgwake/client-auth';
import { type DialOutcome, type Mechanism, type NodeInfo, classifyDialError } from '@pgwake/connect-core';
import type { Generation } from '@pgwake/ids';
import type { LendingReads } from '@pgwake/lending-reads';
import { type BackendKey, encodeTerminate } from '@pgwake/pg-wire';
import { type ComputeIdentity, type NodeAddress, describeAddress } from '@pgwake/wake-api';
import { type BegunLogin, beginLogin } from './begin-login.js';
import type { ComputeNetwork } from './compute-network.js';
import type { DialAhead } from './dial-ahead.js';
import { type ComputeStartup, logIn } from './login.js';

/** Who logs in, as what, and what proves it. */
export interface ComputeLogin extends ComputeStartup {
  readonly keys: ScramKeys;
}

/** A session at a compute after its login, idle and proven. */
export interface ComputeConnection {
  /**
   * Paused, half-open allowed, and without any listener of ours but one for 'error' that does nothing: the socket may
   * fail before its next owner listens, and an 'error' that nobody hears ends the process. So look at `destroyed` first:
   * its 'close' may be over.
   */
  readonly socket: Socket;
  /** What is under it: the socket that TLS was started on, or the same. */
  readonly carrier: Socket;
  /** For a next owner that reads from the socket for long; see there. Over TLS there are none: its bytes are made, not read. */
  readonly reads: LendingReads | undefined;
  /** ParameterStatus and NoticeResponse messages of the login, as sent and in order, for the client. */
  readonly greeting: Uint8Array;
  readonly backendKey: BackendKey;
  /** What the compute sent after its last ReadyForQuery, to be relayed first. */
  readonly residue: Uint8Array;
  /** Where it is and what proved it: a cancel request must go to the same place in the same way. */
  readonly address: NodeAddress;
  readonly identity: ComputeIdentity;
  readonly generation: Generation;
}

/** One login at whatever address it is given, over what was begun `ahead` if that leads there. Never throws, never tries twice. */
export function createPgDial(
  login: ComputeLogin,
  network: ComputeNetwork,
  ahead?: DialAhead,
): Mechanism<ComputeConnection> {
  return {
    async dialOnce({ info }, attempt): Promise<DialOutcome<ComputeConnection>> {
      const finish = (begun: BegunLogin) => finishLogin(begun, login.keys, info);
      try {
        const goneOn = await ahead?.goOn(info, attempt, finish);
        const connection = goneOn ?? (await finish(await beginLogin(info, login, network, attempt)));
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

async function finishLogin(begun: BegunLogin, keys: ScramKeys, info: NodeInfo): Promise<ComputeConnection> {
  const { socket, carrier, reads, stream } = begun;
  const { address, identity, generation } = info;
  try {
    const { greeting, backendKey } = await logIn(stream, begun.greeting, keys, identity);
    const residue = stream.release();
    return { socket, carrier, reads, greeting, backendKey, residue, address, identity, generation };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
