// Hears what other processes evict. Messages are hints: one that is lost is made up for by the short life of what is held.

import type { Random } from '@pgwake/connect-core';
import { parseEviction } from './eviction-message.js';
import type { NodeStamp } from './node-stamp.js';
import { type RedisAddress, openRedis } from './redis-connection.js';

export interface EvictionListenerSettings {
  readonly address: RedisAddress;
  readonly channel: string;
  readonly random: Random;
  readonly onEviction: (stamp: NodeStamp) => void;
  readonly onIgnored: () => void;
}

/** On a connection of its own, as subscribers need one. Gives the function that ends it. */
export function listenForEvictions(settings: EvictionListenerSettings): () => void {
  const { address, channel, random, onEviction, onIgnored } = settings;
  const redis = openRedis(address, random);
  // At every new connection, the first one included: ioredis itself only repeats what had succeeded once.
  redis.on('ready', () => void redis.subscribe(channel).catch(() => redis.disconnect(true)));
  redis.on('message', (_: string, text: string) => {
    const stamp = parseEviction(text);
    if (stamp === undefined) onIgnored();
    else onEviction(stamp);
  });
  return () => redis.disconnect();
}
