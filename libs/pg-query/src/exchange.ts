// What was sent to the compute and what has to come back for it, message by message. Whatever comes out of turn ends the
// connection: a stray answer would be the next borrower's.

import type { GatewayError } from '@pgwake/gateway-errors';

/**
 * `over`: the last ReadyForQuery is there. `pause`: go on, but read no more for now. `outOfTurn`: not what the protocol
 * has here. `close`: the compute ends the session. `refuseCopy`: it waits for, or sends, what nobody here has or takes.
 */
export type Step = 'more' | 'over' | 'pause' | 'outOfTurn' | 'close' | 'refuseCopy';

export interface Exchange {
  /** Of notices, notifications and parameter statuses it hears nothing: they come at any time. */
  take(tag: number, body: Uint8Array): Step;
  /**
   * The short way: true if the chunk is the whole of an answer that is known beforehand. The exchange is over then. False
   * says nothing, and nothing was taken.
   */
  takeWhole(chunk: Uint8Array): boolean;
  /** The connection is lost before the exchange was over. */
  lose(error: GatewayError): void;
  /** Resolves when it is over or lost. */
  readonly ended: Promise<void>;
}
