// What a dial is for.

import type { Socket } from 'node:net';
import type { NodeInfo } from '@pgwake/connect-core';
import type { Generation } from '@pgwake/ids';
import type { LendingReads } from '@pgwake/bare-sockets';
import type { BackendKey } from '@pgwake/pg-wire';
import type { ComputeIdentity, NodeAddress } from '@pgwake/wake-api';
import type { BegunLogin } from './begin-login.js';
import type { LoggedIn } from './login.js';

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

/** Lets go of the socket of a login that is over. */
export function handOut(begun: BegunLogin, { greeting, backendKey }: LoggedIn, node: NodeInfo): ComputeConnection {
  const { socket, carrier, reads, stream } = begun;
  const { address, identity, generation } = node;
  const residue = stream.release();
  return { socket, carrier, reads, greeting, backendKey, residue, address, identity, generation };
}
