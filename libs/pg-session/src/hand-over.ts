// The last step before the gateway gets out of the way: the client learns that it is connected, and from here on bytes go
// both ways untouched.

import type { ComputeConnection } from '@pgwake/pg-dial';
import { type BackendKey, concatBytes, encodeBackendKeyData, encodeReadyForQuery } from '@pgwake/pg-wire';
import type { Client } from './negotiate.js';
import type { SilenceWatch } from './silence-watch.js';
import { SocketDuplex } from './socket-duplex.js';
import type { StallWatch } from './stall-watch.js';
import { WatchedRelay } from './watched-relay.js';

/** `cancelKey` is the key that the client is given instead of the compute's own. */
export function handOver(
  client: Client,
  compute: ComputeConnection,
  cancelKey: BackendKey,
  stallWatch: StallWatch,
  silenceWatch: SilenceWatch,
): WatchedRelay {
  const { duplex } = client.transport;
  const fromClient = client.reader.release();
  duplex.write(concatBytes(compute.greeting, encodeBackendKeyData(cancelKey), encodeReadyForQuery()));
  const streams = {
    client: duplex,
    compute: new SocketDuplex(compute.socket, compute.carrier).borrow(compute.reads),
    fromClient,
    fromCompute: compute.residue,
  };
  return new WatchedRelay(streams, compute.socket, stallWatch, silenceWatch);
}
