// Signs what wake-service says of a node, and checks it. The text that is signed is the text that a shared cache holds, so a
// reader checks the very bytes it found before it looks into them.

import { type KeyObject, createHmac, timingSafeEqual } from 'node:crypto';
import type { NodeInfo } from '@pgwake/connect-core';
import type { NodeKeys } from './node-keys.js';

export type UnsignedNode = Omit<NodeInfo, 'signature'>;

export type SignatureCheck = 'valid' | 'badSignature' | 'unknownKey';

/** Another schema is another meaning of the same bytes: readers refuse those they do not know. */
export const nodeSchema = 1;

/**
 * The one text of a node. JSON keeps neighbouring fields apart, and fields in fixed order make it the same text in every
 * process, however the values came there.
 */
export function encodeNode({ endpoint, generation, address, identity, issuedAtMs }: UnsignedNode): string {
  const place = address.kind === 'tcp' ? address.host : address.socketDirectory;
  return JSON.stringify({
    schema: nodeSchema,
    endpoint,
    generation,
    address: [address.kind, place, address.port],
    identity: identity.kind === 'unproven' ? [identity.kind] : [identity.kind, identity.value],
    issuedAtMs,
  });
}

/** `v1.<key id>.<HMAC-SHA-256 in base64url>`; `undefined` when there is no key. */
export function signNode(node: UnsignedNode, keys: NodeKeys): string | undefined {
  for (const [id, key] of keys) return `v1.${id}.${mac(encodeNode(node), key).toString('base64url')}`;
  return undefined;
}

const form = /^v1\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]{43})$/;

/** Whether one of the keys signed exactly this text. */
export function checkSignature(text: string, signature: string, keys: NodeKeys): SignatureCheck {
  const [, id = '', given = ''] = form.exec(signature) ?? [];
  if (id === '') return 'badSignature';
  const key = keys.get(id);
  if (key === undefined) return 'unknownKey';
  return timingSafeEqual(Buffer.from(given, 'base64url'), mac(text, key)) ? 'valid' : 'badSignature';
}

function mac(text: string, key: KeyObject): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
