// From the first byte to the startup packet: TLS, encryption requests, cancel requests, the protocol version.
// A strict state machine: each encryption may be asked for once, and no byte may stand behind such a request before our
// answer, otherwise plaintext of an attacker would be read as if it had come through TLS (CVE-2021-23214).

import { GatewayError } from '@pgwake/gateway-errors';
import {
  type BackendKey,
  type StartupParameters,
  encodeNegotiateProtocolVersion,
  parseStartupRequest,
} from '@pgwake/pg-wire';
import { peekForClientHello, peekForTls } from './client-hello.js';
import type { ClientTransport, Encryption, TlsOpening } from './client-transport.js';
import { LoginReader } from './login-reader.js';

const refusal = Uint8Array.of(0x4e); // N
const consent = Uint8Array.of(0x53); // S

/** That of Postgres 18. There is no 3.1: Postgres takes a client that asks for it as it takes one of 3.0. */
const newestMinor = 2;

/** A client whose startup packet has been read, on the stream that everything else goes over. */
export interface Client {
  readonly transport: ClientTransport;
  readonly reader: LoginReader;
}

export type Negotiated =
  | {
      readonly kind: 'startup';
      readonly client: Client;
      /** Of protocol 3.x, what both sides speak from here on. */
      readonly protocolMinor: number;
      readonly parameters: StartupParameters;
    }
  | { readonly kind: 'cancel'; readonly client: Client; readonly key: BackendKey };

/**
 * Reads up to the startup packet (https://www.postgresql.org/docs/current/protocol-flow.html, "SSL Session Encryption"). A client
 * may also begin with TLS at once ("direct SSL"), but only with the very first byte.
 * `onClient` learns of the stream to use whenever it changes, so that an error can be told on the right one.
 * Rejects with a GatewayError, or with the reason of `limit`.
 */
export async function negotiate(
  accepted: Client,
  limit: AbortSignal,
  onClient: (client: Client) => void,
): Promise<Negotiated> {
  let client = accepted;
  let sslAsked = false;
  let gssAsked = false;
  if (await client.reader.read(peekForTls, limit)) {
    client = await acceptDirectTls(client, limit);
    onClient(client);
  }
  for (;;) {
    const request = await client.reader.read(parseStartupRequest, limit);
    switch (request.kind) {
      case 'ssl':
        if (sslAsked) throw repeated('an SSL request');
        sslAsked = true;
        refuseStuffing(client);
        client = await answerSslRequest(client, limit);
        onClient(client);
        break;
      case 'gssenc':
        if (gssAsked) throw repeated('a GSS encryption request');
        gssAsked = true;
        refuseStuffing(client);
        client.transport.duplex.write(refusal);
        break;
      case 'cancel':
        return { kind: 'cancel', client, key: { pid: request.pid, secret: request.secret } };
      case 'startup':
        return { kind: 'startup', client, ...settleVersion(client, request.minor, request.parameters) };
    }
  }
}

async function acceptDirectTls(client: Client, limit: AbortSignal): Promise<Client> {
  const { encryption } = client.transport;
  if (encryption.kind !== 'available') {
    throw new GatewayError('PROTOCOL_VIOLATION', { params: { what: 'TLS is not offered here' } });
  }
  return startTls(client, encryption, 'direct', limit);
}

async function answerSslRequest(client: Client, limit: AbortSignal): Promise<Client> {
  const { duplex, encryption } = client.transport;
  if (encryption.kind !== 'available') {
    duplex.write(refusal);
    return client;
  }
  duplex.write(consent);
  return startTls(client, encryption, 'requested', limit);
}

/**
 * The first record is read before, so that TLS need not make itself room for whatever might come, and keep it for hours. The new
 * reader starts with nothing: what was read goes into the handshake.
 */
async function startTls(
  client: Client,
  encryption: Extract<Encryption, { kind: 'available' }>,
  kind: TlsOpening['kind'],
  limit: AbortSignal,
): Promise<Client> {
  const { reader } = client;
  await reader.read(peekForClientHello, limit).catch((error: unknown) => {
    throw reader.gone.aborted ? leftInHandshake() : error;
  });
  const hello = reader.release();
  if (reader.gone.aborted) throw leftInHandshake();
  const transport = await encryption.start({ kind, hello }, limit);
  return { transport, reader: new LoginReader(transport.duplex) };
}

function leftInHandshake(): GatewayError {
  return new GatewayError('CLIENT_GONE', { detail: 'the client left in the TLS handshake' });
}

function refuseStuffing(client: Client): void {
  if (client.reader.bufferedBytes > 0) {
    throw new GatewayError('PROTOCOL_VIOLATION', {
      params: { what: 'received unencrypted data after an encryption request' },
    });
  }
}

function repeated(what: string): GatewayError {
  return new GatewayError('PROTOCOL_VIOLATION', { params: { what: `${what} came twice` } });
}

/** A newer minor version and protocol options are negotiated away, as Postgres 18 does it. */
function settleVersion(
  client: Client,
  minor: number,
  parameters: StartupParameters,
): { protocolMinor: number; parameters: StartupParameters } {
  const isOption = ([name]: readonly [string, string]) => name.startsWith('_pq_.');
  const options = parameters.filter(isOption).map(([name]) => name);
  const protocolMinor = Math.min(minor, newestMinor);
  if (minor > newestMinor || options.length > 0) {
    client.transport.duplex.write(encodeNegotiateProtocolVersion(protocolMinor, options));
  }
  return { protocolMinor, parameters: parameters.filter((parameter) => !isOption(parameter)) };
}
