import type { ByteDuplex } from '@pgwake/relay';

/** A client's byte stream, as a listener accepted it: TCP, TLS over TCP, or a WebSocket. */
export interface ClientTransport {
  readonly duplex: ByteDuplex;
  readonly peer: Peer;
  readonly encryption: Encryption;
}

export interface Peer {
  /** IP address, for logs and limits. */
  readonly address: string;
  readonly loopback: boolean;
}

export type Encryption =
  /** `start` puts TLS on top of the stream, whose plain form is out of reach afterwards. Rejects when the handshake fails. */
  | { readonly kind: 'available'; start(opening: TlsOpening, limit: AbortSignal): Promise<ClientTransport> }
  /** No TLS here: none is configured, or the stream is carried inside something else. */
  | {
      readonly kind: 'unavailable';
      /** The host that the client asked the carrier of the stream for, in its own spelling. */
      readonly serverName?: string | undefined;
    }
  | {
      readonly kind: 'active';
      /** SNI in the client's own spelling. */
      readonly serverName: string | undefined;
      /**
       * Of the certificate that this very client was shown (hashForBinding of client-auth); without it channel binding is
       * not offered.
       */
      readonly bindingHash: Uint8Array | undefined;
    };

export interface TlsOpening {
  /**
   * `requested`: the client asked for TLS and has our consent. `direct`: it began with the handshake itself; without the
   * request, ALPN is all that says that it means Postgres, so it has to name it, as with Postgres itself.
   */
  readonly kind: 'requested' | 'direct';
  /** What has been read of the handshake: its first record, and perhaps more. */
  readonly hello: Uint8Array;
}
