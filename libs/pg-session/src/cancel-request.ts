// What becomes of a cancel request. It is passed on to the compute of the session that its key names, if there is one here or
// at another proxy; it wakes nothing.

import { type CancelKeys, keyOf } from '@pgwake/cancel-keys';
import { isAllowedBy } from '@pgwake/ip-networks';
import type { Visit } from '@pgwake/limits';
import { type ComputeNetwork, sendCancel } from '@pgwake/pg-dial';
import type { BackendKey } from '@pgwake/pg-wire';
import { startLimit } from './time-limit.js';

/** `limited`: too many of its source or at a time. `failed`: the compute could not be told. */
export type CancelResult = 'sent' | 'unknownKey' | 'notAllowed' | 'limited' | 'failed';

export interface CancelRequest {
  readonly key: BackendKey;
  /** Of the client that sent it. */
  readonly address: string;
  readonly visit: Visit;
  readonly signal: AbortSignal;
}

const cancelLimitMs = 10_000;

/** Resolves when the compute has closed: a client that waits for our close then sends no query into its own cancel. Never rejects. */
export async function passOnCancel(
  { key, address, visit, signal }: CancelRequest,
  cancelKeys: CancelKeys,
  network: ComputeNetwork,
): Promise<CancelResult> {
  if (!visit.beginCancel()) return 'limited';
  const limit = startLimit(cancelLimitMs, signal);
  try {
    const target = await cancelKeys.find(key);
    if (target === undefined) return 'unknownKey';
    if (!isAllowedBy(target.allowedNetworks, address)) return 'notAllowed';
    const { address: compute, identity, computeKey } = target;
    await sendCancel({ address: compute, identity, backendKey: keyOf(computeKey), signal: limit.signal }, network);
    return 'sent';
  } catch {
    return 'failed';
  } finally {
    limit.release();
    visit.endCancel();
  }
}
