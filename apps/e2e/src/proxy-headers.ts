// Headers of the PROXY protocol, version 2, as load balancers write them
// (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt, section 2.2).

export const proxySignature = '\r\n\r\n\0\r\nQUIT\n';

/** The load balancer speaks for itself. */
export const localHeader = Buffer.from(`${proxySignature}\x20\0\0\0`, 'latin1');

/** `client`: the bytes of its IP address. */
export function announce(client: readonly number[]): Buffer {
  const family = client.length === 4 ? 0x11 : 0x21;
  const block = [...client, ...client, 0xd4, 0x31, 0x11, 0x50];
  return Buffer.concat([Buffer.from(proxySignature, 'latin1'), Buffer.from([0x21, family, 0, block.length, ...block])]);
}
