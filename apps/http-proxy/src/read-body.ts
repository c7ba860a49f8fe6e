// The body of a request, counted while it is read: no more than the limit is ever kept.

import { GatewayError } from '@pgwake/gateway-errors';
import type { Exchange } from './exchange.js';
import type { RequestAbort } from './request-abort.js';

/**
 * Rejects with REQUEST_TOO_LARGE, with REQUEST_INVALID for a body that is compressed, or with the reason of `abort`, which
 * has to be called when the client leaves.
 */
export function readBody(
  { headers, body }: Pick<Exchange, 'headers' | 'body'>,
  limitBytes: number,
  abort: RequestAbort,
): Promise<Uint8Array> {
  if (body instanceof Uint8Array) {
    return body.length > limitBytes ? Promise.reject(tooLarge(limitBytes)) : Promise.resolve(body);
  }
  const { 'content-length': announced, 'content-encoding': encoding, 'transfer-encoding': transfer } = headers;
  const isCompressed = encoding !== undefined && encoding !== 'identity';
  // Node takes the chunks apart and leaves other codings as they are.
  if (isCompressed || (transfer !== undefined && transfer.toLowerCase() !== 'chunked')) {
    return Promise.reject(new GatewayError('REQUEST_INVALID', { params: { what: 'its body is compressed' } }));
  }
  if (Number(announced ?? 0) > limitBytes) return Promise.reject(tooLarge(limitBytes));
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    let settled = false;
    const settle = () => {
      settled = true;
      abort.removeEventListener('abort', onAbort);
    };
    const onAbort = () => {
      settle();
      reject(abort.reason);
    };
    const onChunk = (chunk: Uint8Array) => {
      // The rest is read and dropped: a client that is still writing would not see the answer.
      if (settled) return;
      size += chunk.length;
      chunks.push(chunk);
      if (size <= limitBytes) return;
      chunks.length = 0;
      settle();
      reject(tooLarge(limitBytes));
    };
    const onEnd = () => {
      if (settled) return;
      settle();
      resolve(join(chunks, size));
    };
    if (abort.aborted) return onAbort();
    abort.addEventListener('abort', onAbort);
    body.on('data', onChunk);
    body.on('end', onEnd);
  });
}

function join(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size);
}

function tooLarge(limitBytes: number): GatewayError {
  return new GatewayError('REQUEST_TOO_LARGE', { params: { limit: String(limitBytes) } });
}
