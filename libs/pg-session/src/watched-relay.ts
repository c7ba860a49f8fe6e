// The relay of a session under its watches, from the handover to its end: a client that takes nothing is cut off, a compute that
// vanished is lost, and peers that do not close are not waited for. One object where closures would do: most sessions are
// idle, and keep what they have for hours.

import { GatewayError, toErrorResponse } from '@pgwake/gateway-errors';
import { encodeErrorResponse } from '@pgwake/pg-wire';
import {
  type OutgoingProgress,
  type Relay,
  type RelayOptions,
  type SessionLoss,
  isQueryOut,
  startRelay,
} from '@pgwake/relay';
import { lingerMs } from './close-duplex.js';
import {
  type AwaitedCompute,
  type ComputeAddress,
  type ComputeSocket,
  type ListenedSocket,
  type SilenceWatch,
  computeAddressOf,
} from './silence-watch.js';
import type { StallWatch, TakingClient } from './stall-watch.js';

export type RelayedStreams = Omit<RelayOptions, 'lastWords' | 'onBothEnded'>;

export class WatchedRelay implements TakingClient, AwaitedCompute {
  readonly relay: Relay;
  readonly outgoing: OutgoingProgress | undefined;
  readonly socket: ListenedSocket;
  readonly address: ComputeAddress | undefined;
  readonly #stallWatch: StallWatch;
  readonly #silenceWatch: SilenceWatch;
  #cutOff: NodeJS.Timeout | undefined;

  /** `socket`: the one to the compute. */
  constructor(streams: RelayedStreams, socket: ComputeSocket, stallWatch: StallWatch, silenceWatch: SilenceWatch) {
    this.outgoing = streams.client.outgoing;
    this.socket = socket;
    this.address = computeAddressOf(socket);
    this.#stallWatch = stallWatch;
    this.#silenceWatch = silenceWatch;
    this.relay = startRelay({ ...streams, lastWords, onBothEnded: () => this.#expectClose() });
    stallWatch.watch(this);
    silenceWatch.watch(this);
  }

  onStall(): void {
    this.relay.destroy(new Error(`the client took nothing for ${this.#stallWatch.timeoutMs} ms`));
  }

  isAnswerDue(): boolean {
    return isQueryOut(this.relay.state());
  }

  onSilence(cause: Error): void {
    this.relay.loseCompute(cause);
  }

  /** To be called when the relay has ended. */
  release(): void {
    clearTimeout(this.#cutOff);
    this.#stallWatch.forget(this);
    this.#silenceWatch.forget(this);
  }

  #expectClose(): void {
    this.#cutOff = setTimeout(() => this.relay.destroy(), lingerMs);
  }
}

function lastWords(loss: SessionLoss): Uint8Array {
  return encodeErrorResponse(toErrorResponse(explainLoss(loss)));
}

function explainLoss(loss: SessionLoss): GatewayError {
  if (loss.kind === 'violation' && loss.by === 'client') {
    return new GatewayError('PROTOCOL_VIOLATION', { params: { what: 'invalid message length' } });
  }
  return new GatewayError(isQueryOut(loss.state) ? 'COMPUTE_LOST_IN_QUERY' : 'COMPUTE_LOST');
}
