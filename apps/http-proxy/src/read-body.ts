// The body of a request, counted while it is read: no more than the limit is ever kept.

import { GatewayError } from '@pgwake/gateway-errors';
import type { Request } from './exchange.js';

/**
 * Rejects with REQUEST_TOO_LARGE, with REQUEST_INVALID for a body that is compressed, or with the reason of `signal`,
 * which has to be aborted when the client leaves.
 */
export function readBody(request: Request, limitBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const { 'content-length': announced, 'content-encoding': encoding, 'transfer-encoding': transfer } = request.headers;
  const isCompressed = encoding !== undefined && encoding !== 'identity';
  // Node takes the chunks apart and leaves other codings as they are.
  if (isCompressed || (transfer !== undefined && transfer.toLowerCase() !== 'chunked')) {
    return Promise.reject(new GatewayError('REQUEST_INVALID', { params: { what: 'its body is compressed' } }));
  }
  if (Number(announced ?? 0) > limitBytes) return Promise.reject(tooLarge(limitBytes));
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const settle = (finish: () => void) => {
      request.off('data', onData);
      request.off('end', onEnd);
      signal.removeEventListener('abort', onAbort);
      finish();
    };
    const onData = (chunk: Uint8Array) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= limitBytes) return;
      settle(() => reject(tooLarge(limitBytes)));
      // The rest is read and dropped: a client that is still writing would not see the answer.
      request.resume();
    };
    const onEnd = () => settle(() => resolve(join(chunks, size)));
    const onAbort = () => settle(() => reject(signal.reason as Error));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    request.on('data', onData);
    request.on('end', onEnd);
  });
}

function join(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size);
}

function tooLarge(limitBytes: number): GatewayError {
  return new GatewayError('REQUEST_TOO_LARGE', { params: { limit: String(limitBytes) } });
}
