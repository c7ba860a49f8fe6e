// The keys with which wake-service signs nodes and readers of a shared cache check them. Never logged, never in an error.

import { type KeyObject, createSecretKey } from 'node:crypto';

/** By key id, in the order given: the first signs, all are accepted. */
export type NodeKeys = ReadonlyMap<string, KeyObject>;

export type ParsedNodeKeys =
  | { readonly ok: true; readonly keys: NodeKeys }
  /** Holds no part of a key. */
  | { readonly ok: false; readonly what: string };

const form = /^([A-Za-z0-9_-]{1,32}):((?:[0-9A-Fa-f]{2})+)$/;
const leastBytes = 32;

/** Each as `id:hex`, of at least 32 bytes. */
export function parseNodeKeys(texts: readonly string[]): ParsedNodeKeys {
  const keys = new Map<string, KeyObject>();
  for (const [index, text] of texts.entries()) {
    const [, id = '', hex = ''] = form.exec(text) ?? [];
    if (id === '') return { ok: false, what: `key ${index + 1} is not of the form id:hex` };
    if (hex.length < 2 * leastBytes) return { ok: false, what: `key ${index + 1} is shorter than ${leastBytes} bytes` };
    if (keys.has(id)) return { ok: false, what: `key ${index + 1} has the id of another one` };
    keys.set(id, createSecretKey(hex, 'hex'));
  }
  return { ok: true, keys };
}
