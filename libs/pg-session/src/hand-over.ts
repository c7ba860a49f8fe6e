// The last step before the gateway gets out of the way: the client learns that it is connected, and from here on bytes go
// both ways untouched.

import { GatewayError, toErrorResponse } from '@pgwake/gateway-errors';
import type { ComputeConnection } from '@pgwake/pg-dial';
import {
  type BackendKey,
  concatBytes,
  encodeBackendKeyData,
  encodeErrorResponse,
  encodeReadyForQuery,
} from '@pgwake/pg-wire';
import { type Relay, type SessionLoss, isQueryOut, startRelay } from '@pgwake/relay';
import { lingerMs } from './close-duplex.js';
import type { Client } from './negotiate.js';
import type { SilenceWatch } from './silence-watch.js';
import { SocketDuplex } from './socket-duplex.js';
import type { StallWatch } from './stall-watch.js';

/** `cancelKey` is the key that the client is given instead of the compute's own. */
export function handOver(
  client: Client,
  compute: ComputeConnection,
  cancelKey: BackendKey,
  stallWatch: StallWatch,
  silenceWatch: SilenceWatch,
): Relay {
  const { duplex } = client.transport;
  const fromClient = client.reader.release();
  duplex.write(concatBytes(compute.greeting, encodeBackendKeyData(cancelKey), encodeReadyForQuery()));

  let cutOff: NodeJS.Timeout | undefined;
  const relay = startRelay({
    client: duplex,
    compute: new SocketDuplex(compute.socket, compute.carrier).borrow(compute.reads),
    fromClient,
    fromCompute: compute.residue,
    lastWords: (loss) => encodeErrorResponse(toErrorResponse(explainLoss(loss))),
    onBothEnded: () => {
      cutOff = setTimeout(() => relay.destroy(), lingerMs);
    },
  });
  const unwatch = stallWatch.watch(duplex.outgoing, () => {
    relay.destroy(new Error(`the client took nothing for ${stallWatch.timeoutMs} ms`));
  });
  const stopListening = silenceWatch.watch(compute.socket, {
    isAnswerDue: () => isQueryOut(relay.state()),
    onLost: (cause) => relay.loseCompute(cause),
  });
  void relay.ended.then(() => {
    clearTimeout(cutOff);
    unwatch();
    stopListening();
  });
  return relay;
}

function explainLoss(loss: SessionLoss): GatewayError {
  if (loss.kind === 'violation' && loss.by === 'client') {
    return new GatewayError('PROTOCOL_VIOLATION', { params: { what: 'invalid message length' } });
  }
  return new GatewayError(isQueryOut(loss.state) ? 'COMPUTE_LOST_IN_QUERY' : 'COMPUTE_LOST');
}
