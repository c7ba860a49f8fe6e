// What the shared cache holds per endpoint: members of a sorted set whose order is that of stamps. The score is the
// generation; among equal scores Redis compares bytes, so a member begins with its instant, and a tombstone follows the
// entry of the same instant. The last member is all that counts. Whoever can write to Redis can write here: nothing found
// is believed before it was checked.

import type { NodeInfo } from '@pgwake/connect-core';
import { type EndpointId, parseGeneration } from '@pgwake/ids';
import { parseComputeIdentity, parseNodeAddress } from '@pgwake/wake-api';
import type { NodeKeys } from './node-keys.js';
import { checkSignature, encodeNode, nodeSchema } from './node-signature.js';
import type { NodeStamp } from './node-stamp.js';

export interface Member {
  readonly score: number;
  readonly text: string;
}

/** Why what was found is not used. */
export type Refusal =
  | 'malformed'
  | 'tooLarge'
  | 'badSignature'
  | 'unknownKey'
  | 'otherSchema'
  | 'otherEndpoint'
  | 'expired'
  | 'fromTheFuture';

export type Finding =
  | { readonly kind: 'node'; readonly node: NodeInfo }
  | { readonly kind: 'tombstone' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export interface Reader {
  readonly keys: NodeKeys;
  readonly maxAgeMs: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly wallClock: () => number;
}

/** An honest entry has some 300 characters; the longest names make it a thousand. */
const longestMember = 2_048;
/** How far wake-service's clock may be ahead of the reader's. */
const clockSkewMs = 10_000;

const entryForm = /^([0-9]{16}) (\S+) (\{.*\})$/;
const tombstoneForm = /^[0-9]{16}~$/;

export function encodeEntry(node: NodeInfo, signature: string): Member {
  return { score: node.generation, text: `${encodeInstant(node.issuedAtMs)} ${signature} ${encodeNode(node)}` };
}

/** Hides every entry up to this stamp. */
export function encodeTombstone({ generation, issuedAtMs }: NodeStamp): Member {
  return { score: generation, text: `${encodeInstant(issuedAtMs)}~` };
}

/** As many digits as the largest safe integer has, so that texts sort like numbers. */
function encodeInstant(instantMs: number): string {
  return String(instantMs).padStart(16, '0');
}

export function readMember(bytes: Uint8Array, score: number, asked: EndpointId, reader: Reader): Finding {
  if (bytes.length > longestMember) return refuse('tooLarge');
  const text = Buffer.from(bytes).toString('utf8');
  if (tombstoneForm.test(text)) return { kind: 'tombstone' };
  const [, instant, signature = '', payload = ''] = entryForm.exec(text) ?? [];
  if (instant === undefined) return refuse('malformed');
  const check = checkSignature(payload, signature, reader.keys);
  if (check !== 'valid') return refuse(check);

  // From here on it is wake-service's word, but perhaps an old one, about somebody else, or in another place.
  const node = parsePayload(payload, signature);
  if (typeof node === 'string') return refuse(node);
  if (node.endpoint !== asked) return refuse('otherEndpoint');
  // Otherwise an old entry at a high score would stay on top.
  if (node.generation !== score || encodeInstant(node.issuedAtMs) !== instant) return refuse('malformed');
  const ageMs = reader.wallClock() - node.issuedAtMs;
  if (ageMs > reader.maxAgeMs) return refuse('expired');
  if (ageMs < -clockSkewMs) return refuse('fromTheFuture');
  return { kind: 'node', node };
}

function refuse(refusal: Refusal): Finding {
  return { kind: 'refused', refusal };
}

function parsePayload(payload: string, signature: string): NodeInfo | 'malformed' | 'otherSchema' {
  const fields = parseObject(payload);
  if (fields === undefined) return 'malformed';
  if (fields['schema'] !== nodeSchema) return 'otherSchema';
  const { endpoint, issuedAtMs } = fields;
  const generation = parseGeneration(Number(fields['generation']));
  const address = parseAddress(fields['address']);
  const identity = parseIdentity(fields['identity']);
  if (typeof endpoint !== 'string' || typeof issuedAtMs !== 'number') return 'malformed';
  if (generation === undefined || address === undefined || identity === undefined) return 'malformed';
  return { endpoint: endpoint as EndpointId, generation, address, identity, issuedAtMs, signature };
}

function parseAddress(value: unknown): NodeInfo['address'] | undefined {
  const [kind, place, port] = Array.isArray(value) ? (value as unknown[]) : [];
  return parseNodeAddress(kind === 'tcp' ? { host: place, port } : { socketDirectory: place, port });
}

function parseIdentity(value: unknown): NodeInfo['identity'] | undefined {
  const [kind, text] = Array.isArray(value) ? (value as unknown[]) : [];
  return parseComputeIdentity(kind === 'unproven' ? { unproven: true } : { [String(kind)]: text });
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
