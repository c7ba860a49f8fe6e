// What Redis holds of a cancel key: under a name from which nobody reads the key, a target that nobody reads and nobody
// makes up. Name and seal are both derived from a node key and from the cancel key itself, so reading Redis reveals no key
// that could be used, not even to a proxy, and an entry is worth nothing under another name.

import { type KeyObject, createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { parseEndpointId, parseGeneration } from '@pgwake/ids';
import type { BackendKey } from '@pgwake/pg-wire';
import { parseComputeIdentity, parseNodeAddress } from '@pgwake/wake-api';
import type { CancelTarget } from './cancel-target.js';
import { keyOf, nameOf } from './key-name.js';

export interface SealedName {
  /** What the entry is called. */
  readonly name: string;
  /** Seals the entry. Of this one cancel key, so a random nonce is never used twice with it. */
  readonly sealKey: Uint8Array;
}

const purpose = 'pgwake cancel key 1\0';
const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;
/** The schema: another one is another meaning of the same bytes. */
const schema = 1;

export function deriveName({ pid, secret }: BackendKey, nodeKey: KeyObject): SealedName {
  const pidBytes = Buffer.alloc(4);
  pidBytes.writeUInt32BE(pid >>> 0);
  const digest = createHmac('sha512', nodeKey).update(purpose).update(pidBytes).update(secret).digest();
  return { name: digest.subarray(0, 32).toString('base64url'), sealKey: digest.subarray(32) };
}

/** `validUntilMs`: milliseconds since 1970-01-01 UTC; afterwards readers refuse it, wherever it comes back from. */
export function sealTarget(target: CancelTarget, validUntilMs: number, { sealKey }: SealedName): Buffer {
  const { endpoint, generation, address, identity, computeKey, allowedNetworks } = target;
  const { pid, secret } = keyOf(computeKey);
  const text = JSON.stringify({
    schema,
    endpoint,
    generation,
    address:
      address.kind === 'tcp'
        ? { host: address.host, port: address.port }
        : { socketDirectory: address.socketDirectory, port: address.port },
    identity: identity.kind === 'unproven' ? { unproven: true } : { [identity.kind]: identity.value },
    pid,
    secret: Buffer.from(secret).toString('hex'),
    allowedNetworks,
    validUntilMs,
  });
  const nonce = randomBytes(nonceBytes);
  const sealing = createCipheriv(cipher, sealKey, nonce);
  const sealed = Buffer.concat([sealing.update(text, 'utf8'), sealing.final()]);
  return Buffer.concat([nonce, sealing.getAuthTag(), sealed]);
}

/** `undefined` for anything that {@link sealTarget} has not made with this name, or that is over at `nowMs`. */
export function openTarget(bytes: Uint8Array, nowMs: number, { sealKey }: SealedName): CancelTarget | undefined {
  const text = open(bytes, sealKey);
  return text === undefined ? undefined : parseTarget(text, nowMs);
}

function open(bytes: Uint8Array, sealKey: Uint8Array): string | undefined {
  if (bytes.length < nonceBytes + tagBytes) return undefined;
  const opening = createDecipheriv(cipher, sealKey, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
  opening.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
  try {
    return Buffer.concat([opening.update(bytes.subarray(nonceBytes + tagBytes)), opening.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

/** Sealed by one of ours, but perhaps of another version, or long ago. */
function parseTarget(text: string, nowMs: number): CancelTarget | undefined {
  const fields = JSON.parse(text) as Record<string, unknown>;
  if (fields['schema'] !== schema || !(Number(fields['validUntilMs']) >= nowMs)) return undefined;
  const endpoint = parseEndpointId(String(fields['endpoint']));
  const generation = parseGeneration(Number(fields['generation']));
  const address = parseNodeAddress(Object(fields['address']) as object);
  const identity = parseComputeIdentity(Object(fields['identity']) as object);
  const { pid, secret, allowedNetworks } = fields;
  if (endpoint === undefined || generation === undefined) return undefined;
  if (address === undefined || identity === undefined) return undefined;
  if (typeof pid !== 'number' || typeof secret !== 'string' || !isTexts(allowedNetworks)) return undefined;
  const computeKey = nameOf({ pid, secret: Buffer.from(secret, 'hex') });
  return { endpoint, generation, address, identity, computeKey, allowedNetworks };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
