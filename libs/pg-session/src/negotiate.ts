// From the first byte to the startup packet: encryption requests, cancel requests, the protocol version.
// A strict state machine: each encryption may be asked for once, and no byte may stand behind such a request before our
// answer, otherwise plaintext of an attacker would be read as if it had come through TLS (CVE-2021-23214).

import { GatewayError } from '@pgwake/gateway-errors';
import {
  type BackendKey,
  type StartupParameters,
  encodeNegotiateProtocolVersion,
  parseStartupRequest,
} from '@pgwake/pg-wire';
import type { ClientTransport } from './client-transport.js';
import { LoginReader } from './login-reader.js';

const refusal = Uint8Array.of(0x4e); // N
const consent = Uint8Array.of(0x53); // S

/** A client whose startup packet has been read, on the stream that everything else goes over. */
export interface Client {
  readonly transport: ClientTransport;
  readonly reader: LoginReader;
}

export type Negotiated =
  | { readonly kind: 'startup'; readonly client: Client; readonly parameters: StartupParameters }
  | { readonly kind: 'cancel'; readonly client: Client; readonly key: BackendKey };

/**
 * Reads up to the startup packet (https://www.postgresql.org/docs/current/protocol-flow.html, "SSL Session Encryption").
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
        return { kind: 'startup', client, parameters: settleVersion(client, request.minor, request.parameters) };
    }
  }
}

async function answerSslRequest(client: Client, limit: AbortSignal): Promise<Client> {
  const { duplex, encryption } = client.transport;
  if (encryption.kind !== 'available') {
    duplex.write(refusal);
    return client;
  }
  client.reader.release();
  duplex.write(consent);
  const transport = await encryption.start(limit);
  return { transport, reader: new LoginReader(transport.duplex) };
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

/** The gateway speaks 3.0: a newer minor version and protocol options are negotiated away, as Postgres does it. */
function settleVersion(client: Client, minor: number, parameters: StartupParameters): StartupParameters {
  const isOption = ([name]: readonly [string, string]) => name.startsWith('_pq_.');
  const options = parameters.filter(isOption).map(([name]) => name);
  if (minor === 0 && options.length === 0) return parameters;
  client.transport.duplex.write(encodeNegotiateProtocolVersion(0, options));
  return parameters.filter((parameter) => !isOption(parameter));
}
