// The message that tells other processes what is outdated. Anybody who can publish can send one: the worst it does is a miss.

import { parseEndpointId, parseGeneration } from '@pgwake/ids';
import type { NodeStamp } from './node-stamp.js';

const longestMessage = 256;

export function encodeEviction({ endpoint, generation, issuedAtMs }: NodeStamp): string {
  return JSON.stringify({ endpoint, generation, issuedAtMs });
}

/** `undefined` for anything that is no such message. */
export function parseEviction(text: string): NodeStamp | undefined {
  if (text.length > longestMessage) return undefined;
  const { endpoint, generation, issuedAtMs } = parseObject(text);
  if (typeof endpoint !== 'string' || typeof generation !== 'number') return undefined;
  if (!Number.isSafeInteger(issuedAtMs) || (issuedAtMs as number) < 0) return undefined;
  const [id, number] = [parseEndpointId(endpoint), parseGeneration(generation)];
  if (id === undefined || number === undefined) return undefined;
  return { endpoint: id, generation: number, issuedAtMs: issuedAtMs as number };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
