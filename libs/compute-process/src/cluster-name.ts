import { createHash } from 'node:crypto';
import type { ComputeRef } from '@pgwake/wake-core';

// Postgres cuts names at NAMEDATALEN - 1 bytes without a word, and a cut name would prove nothing.
const longestName = 63;

/**
 * The `cluster_name` a compute proves itself with: `pgwake/<endpoint>/<generation>`, at most 63 bytes. A long endpoint is
 * replaced by `~` (which no endpoint holds) and 128 bits of its SHA-256.
 */
export function clusterNameOf({ endpoint, generation }: ComputeRef): string {
  const plain = `pgwake/${endpoint}/${generation}`;
  if (plain.length <= longestName) return plain;
  return `pgwake/~${createHash('sha256').update(endpoint).digest('hex').slice(0, 32)}/${generation}`;
}
