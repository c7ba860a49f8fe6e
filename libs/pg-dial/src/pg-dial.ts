// Dials a compute: socket, TLS where that is its proof of identity, login with the client's own SCRAM keys, proof of identity. What it returns is a session in
// which nothing has been asked for yet, and not one byte of it is lost.
//
// It refuses a compute that asks for no SCRAM. One that lets anybody in (trust) could be anybody, whatever name it claims;
// one that asks for a cleartext or MD5 password asks for what a gateway with keys only does not have.

import type { Socket } from 'node:net';
import type { ScramKeys } from '@pgwake/client-auth';
import { type DialOutcome, type Mechanism, classifyDialError } from '@pgwake/connect-core';
import type { Generation } from '@pgwake/ids';
import type { LendingReads } from '@pgwake/lending-reads';
import { type BackendKey, type StartupParameters, encodeTerminate } from '@pgwake/pg-wire';
import { type ComputeIdentity, type NodeAddress, describeAddress } from '@pgwake/wake-api';
import { dialTimeout } from './classify.js';
import type { ComputeNetwork } from './compute-network.js';
import { logIn } from './login.js';
import { createMessageStream } from './message-stream.js';
import { openSocket } from './open-socket.js';
import { startTls } from './start-tls.js';

/** Who logs in, and as what. */
export interface ComputeLogin {
  readonly user: string;
  readonly database: string;
  /** Further startup parameters, as the client sent them. Those that a gateway answers for itself are left out here. */
  readonly parameters: StartupParameters;
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

/** One login at whatever address it is given. Never throws, never tries twice. */
export function createPgDial(login: ComputeLogin, network: ComputeNetwork): Mechanism<ComputeConnection> {
  return {
    async dialOnce({ info }, attempt): Promise<DialOutcome<ComputeConnection>> {
      let socket: Socket | undefined;
      try {
        if (attempt.signal.aborted) throw dialTimeout(attempt.signal);
        const opened = openSocket(info.address, network);
        socket = opened.socket;
        const { address, identity, generation } = info;
        const overTls = identity.kind === 'tlsSan';
        if (overTls) socket = await startTls(socket, identity.value, network.authority, attempt.signal);
        const stream = createMessageStream(socket, attempt);
        const { greeting, backendKey } = await logIn(stream, login, identity);
        const residue = stream.release();
        const reads = overTls ? undefined : opened.reads;
        const carrier = opened.socket;
        const connection = { socket, carrier, reads, greeting, backendKey, residue, address, identity, generation };
        return { ok: true, connection };
      } catch (error) {
        socket?.destroy();
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
