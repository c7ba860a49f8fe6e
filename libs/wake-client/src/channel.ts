// How the channel to wake-service behaves. One retry layer only (connect-core's), so gRPC itself never repeats a call;
// it only keeps trying to have a connection.

import { type ChannelCredentials, type ClientOptions, credentials } from '@grpc/grpc-js';

/** PEM texts. `certificate` and `key` go together: with them the client proves itself to wake-service too. */
export interface WakeClientTls {
  readonly ca: string;
  readonly certificate?: string;
  readonly key?: string;
}

export const channelOptions: ClientOptions = {
  // grpc-js waits up to two minutes between attempts by default: a wake-service that is back stays unseen for long.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 500,
  // A restarted pod has another address: look its name up again, at most this often.
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
  // A peer that vanished without a FIN is noticed after 15 s, before the next wake needs the connection.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  // wake-service is inside: `https_proxy` in the environment must not send verifiers to somebody else.
  'grpc.enable_http_proxy': 0,
  // Not shared with other clients of the process, so that close() closes and one client's back-off is its own.
  'grpc.use_local_subchannel_pool': 1,
  // Nobody is served its statistics, which cost every call a little.
  'grpc.enable_channelz': 0,
  // The longest honest answer has a few hundred bytes.
  'grpc.max_receive_message_length': 64 * 1024,
};

export function createChannelCredentials(tls: WakeClientTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  if ((tls.certificate === undefined) !== (tls.key === undefined)) {
    throw new TypeError('TLS to wake-service: certificate and key go together');
  }
  return credentials.createSsl(toBuffer(tls.ca), toBuffer(tls.key), toBuffer(tls.certificate));
}

function toBuffer(pem: string | undefined): Buffer | null {
  return pem === undefined ? null : Buffer.from(pem);
}
