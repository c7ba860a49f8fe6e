// How much of a client's handshake has to be there before TLS is started on it: the first record, which holds the ClientHello.
// It reads the header of that record and nothing else. What is in it, TLS finds out.

import type { Parsed } from '@pgwake/pg-wire';

/** One byte of type, two of version, two of length (RFC 8446, 5.1). */
const headerBytes = 5;
/** The type of a record that carries a handshake. As the start of a length it would be far above every limit. */
const handshakeRecord = 0x16;
/** No record may be longer before there are keys. */
const maxFragmentBytes = 16 * 1024;

/** Whether the client begins with TLS. Consumes nothing. */
export function peekForTls(bytes: Uint8Array): Parsed<boolean> {
  if (bytes.length === 0) return { kind: 'incomplete' };
  return { kind: 'value', value: bytes[0] === handshakeRecord, consumed: 0 };
}

/** Whether TLS has what it needs, if only to refuse it: what can be no ClientHello need not be waited for. Consumes nothing. */
export function peekForClientHello(bytes: Uint8Array): Parsed<'enough'> {
  const enough = { kind: 'value', value: 'enough', consumed: 0 } as const;
  const [type, , , high, low] = bytes;
  if (type !== undefined && type !== handshakeRecord) return enough;
  if (high === undefined || low === undefined) return { kind: 'incomplete' };
  const fragmentBytes = high * 256 + low;
  return fragmentBytes > maxFragmentBytes || bytes.length >= headerBytes + fragmentBytes
    ? enough
    : { kind: 'incomplete' };
}
