// Gets the public keys of an issuer of tokens. The URL comes from whoever runs an endpoint, so it is not trusted to point
// away from our own network: what is checked is the very address that is connected to, after names have become addresses.

import { lookup } from 'node:dns';
import { type RequestOptions, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { type LookupFunction, isIP } from 'node:net';
import { isAllowedBy, parseIpNetwork } from '@pgwake/ip-networks';

export interface KeyFetchSettings {
  /**
   * Internal networks (CIDR) in which keys may be fetched too, there also without TLS. Throws RangeError for what is no
   * network. Default: none.
   */
  readonly networks: readonly string[];
  /** PEM of further CAs to trust. */
  readonly ca?: string | undefined;
}

/** Resolves with the body. Rejects for whatever is not a prompt, short answer 200 from an address that may be asked. */
export type KeyFetch = (url: string, signal: AbortSignal) => Promise<string>;

const limitMs = 5_000;
const maxBytes = 65_536;

/** Everything that is nobody's on the Internet: https://www.iana.org/assignments/iana-ipv4-special-registry and its IPv6 twin. */
const internal = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '::/127',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
];

export function createKeyFetch({ networks, ca }: KeyFetchSettings): KeyFetch {
  for (const network of networks) {
    if (parseIpNetwork(network) === undefined) throw new RangeError(`"${network}" is not a network such as 10.0.0.0/8`);
  }
  const isListed = (ip: string) => networks.length > 0 && isAllowedBy(networks, ip);
  const mayAsk = (ip: string, encrypted: boolean) => isListed(ip) || (encrypted && !isAllowedBy(internal, ip));

  return async (text, signal) => {
    const url = new URL(text);
    const encrypted = url.protocol === 'https:';
    if (!encrypted && url.protocol !== 'http:') throw new Error(`${url.protocol} is no way to fetch keys`);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0 && !mayAsk(host, encrypted)) throw forbidden();
    const options: RequestOptions & { ca?: string } = {
      // A connection of its own: one that was kept open would go to an address checked long ago.
      agent: false,
      lookup: createLookup((ip) => mayAsk(ip, encrypted)),
      signal: AbortSignal.any([signal, AbortSignal.timeout(limitMs)]),
      headers: { accept: 'application/jwk-set+json, application/json' },
      ...(ca === undefined ? {} : { ca }),
    };
    return get(encrypted ? requestHttps : requestHttp, url, options);
  };
}

function createLookup(mayAsk: (ip: string) => boolean): LookupFunction {
  return (hostname, { all }, callback) => {
    lookup(hostname, { all: true }, (error, addresses) => {
      if (error) return callback(error, '');
      const allowed = addresses.filter(({ address }) => mayAsk(address));
      const [first] = allowed;
      if (first === undefined) return callback(forbidden(), '');
      if (all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

function get(request: typeof requestHttps, url: URL, options: RequestOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (response) => {
      // A redirect is no answer: it would lead to where nobody looked.
      if (response.statusCode !== 200) return void sent.destroy(new Error(`answered ${response.statusCode}`));
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxBytes) sent.destroy(new Error(`answered more than ${maxBytes} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => resolve(Buffer.concat(chunks).toString()));
    });
    sent.on('error', reject);
    sent.end();
  });
}

function forbidden(): Error {
  return new Error('no address from which keys may be fetched');
}
