// What Redis has on record of a generation, for those who are about to send something to its address without a proof.

import type { EndpointId, Generation } from '@pgwake/ids';
import { endOfGeneration } from './node-stamp.js';
import type { RedisLink } from './redis-link.js';
import { encodeTombstone } from './shared-entry.js';
import { namesUnder } from './shared-nodes.js';

/**
 * False: nothing says that this generation has ended. True: wake-service has suspended it, or a later one is known, or Redis
 * does not say. Nothing is checked here: whoever can write to Redis can make it true.
 */
export async function mayBeOver(
  link: RedisLink,
  prefix: string,
  { endpoint, generation }: { readonly endpoint: EndpointId; readonly generation: Generation },
): Promise<boolean> {
  const key = namesUnder(prefix).nodeKey(endpoint);
  const { text } = encodeTombstone(endOfGeneration(endpoint, generation));
  // Counts and scores, not members: those may have any length.
  const answer = await link.ask((redis) =>
    Promise.all([redis.zcount(key, `(${generation}`, '+inf'), redis.zscore(key, text)]),
  );
  if (answer.kind !== 'answered') return true;
  const [later, suspendedGeneration] = answer.value;
  return later > 0 || Number(suspendedGeneration ?? 0) >= generation;
}
