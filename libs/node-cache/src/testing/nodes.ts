// Nodes as wake-service would say and sign them.

import { randomBytes } from 'node:crypto';
import type { NodeInfo } from '@pgwake/connect-core';
import { type EndpointId, parseEndpointId, parseGeneration } from '@pgwake/ids';
import { type NodeKeys, parseNodeKeys } from '../node-keys.js';
import { type UnsignedNode, signNode } from '../node-signature.js';

export const demo = idOf('demo');

export function idOf(name: string): EndpointId {
  const endpoint = parseEndpointId(name);
  if (endpoint === undefined) throw new Error(`no endpoint id: ${name}`);
  return endpoint;
}

/** Fresh keys of these ids. */
export function makeKeys(...ids: readonly string[]): NodeKeys {
  const parsed = parseNodeKeys(ids.map((id) => `${id}:${randomBytes(32).toString('hex')}`));
  if (!parsed.ok) throw new Error(parsed.what);
  return parsed.keys;
}

export function nodeOf(generation: number, more: Partial<UnsignedNode> = {}): UnsignedNode {
  const number = parseGeneration(generation);
  if (number === undefined) throw new Error(`no generation: ${generation}`);
  return {
    endpoint: demo,
    generation: number,
    address: { kind: 'unix', socketDirectory: `/run/pgwake/${generation}`, port: 5432 },
    identity: { kind: 'clusterName', value: `pgwake/demo/${generation}` },
    issuedAtMs: Date.now(),
    ...more,
  };
}

export function signed(node: UnsignedNode, keys: NodeKeys): NodeInfo & { readonly signature: string } {
  const signature = signNode(node, keys);
  if (signature === undefined) throw new Error('no key');
  return { ...node, signature };
}
