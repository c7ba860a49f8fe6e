// The nodes that all processes share, in Redis. A key holds the highest stamp that anybody has written, whatever the order
// of the writes: adding a member and keeping only the last one is all a write does, so no lock and no script is needed.

import type { NodeInfo } from '@pgwake/connect-core';
import type { EndpointId } from '@pgwake/ids';
import type { ChainableCommander, Redis } from 'ioredis';
import { encodeEviction } from './eviction-message.js';
import type { NodeStamp } from './node-stamp.js';
import { type RedisLink, isErrorReply } from './redis-link.js';
import { type Finding, type Member, type Reader, encodeEntry, encodeTombstone, readMember } from './shared-entry.js';

export type SharedFinding = Finding | { readonly kind: 'nothing' } | { readonly kind: 'unavailable' };

export interface SharedNames {
  nodeKey(endpoint: EndpointId): string;
  readonly evictionChannel: string;
}

export function namesUnder(prefix: string): SharedNames {
  return { nodeKey: (endpoint) => `${prefix}node:${endpoint}`, evictionChannel: `${prefix}evictions` };
}

export class SharedNodes {
  readonly #reads = new Map<EndpointId, Promise<SharedFinding>>();

  constructor(
    private readonly link: RedisLink,
    private readonly names: SharedNames,
    /** For so long what was written counts. */
    private readonly maxAgeMs: number,
  ) {}

  /** What cannot be used is deleted on the way. */
  async read(endpoint: EndpointId, reader: Reader): Promise<SharedFinding> {
    const answer = await this.link.ask((redis) => this.#joinRead(redis, endpoint, reader));
    return answer.kind === 'answered' ? answer.value : { kind: 'unavailable' };
  }

  /** True: it is known to be there, unless there is something newer. */
  async store(node: NodeInfo, signature: string): Promise<boolean> {
    return this.#write(node.endpoint, encodeEntry(node, signature), (transaction) => transaction);
  }

  /** Also tells the other processes. True: it is done. */
  async outdate(stamp: NodeStamp): Promise<boolean> {
    return this.#write(stamp.endpoint, encodeTombstone(stamp), (transaction) =>
      transaction.publish(this.names.evictionChannel, encodeEviction(stamp)),
    );
  }

  async #write(
    endpoint: EndpointId,
    { score, text }: Member,
    withMore: (transaction: ChainableCommander) => ChainableCommander,
  ): Promise<boolean> {
    const key = this.names.nodeKey(endpoint);
    const answer = await this.link.ask(async (redis) => {
      const transaction = redis.multi().zadd(key, score, text).zremrangebyrank(key, 0, -2).pexpire(key, this.maxAgeMs);
      for (const [error] of (await withMore(transaction).exec()) ?? []) if (error) throw error;
    });
    return answer.kind === 'answered';
  }

  /** One read for all who ask meanwhile: a value that takes long to read is read once, and once deleted is gone. */
  #joinRead(redis: Redis, endpoint: EndpointId, reader: Reader): Promise<SharedFinding> {
    const underWay = this.#reads.get(endpoint);
    if (underWay) return underWay;
    const read = this.#read(redis, endpoint, reader).finally(() => this.#reads.delete(endpoint));
    this.#reads.set(endpoint, read);
    return read;
  }

  async #read(redis: Redis, endpoint: EndpointId, reader: Reader): Promise<SharedFinding> {
    const finding = await this.#readLast(redis, endpoint, reader);
    // Nobody waits for it. What somebody else stores in this moment may go too, which costs a miss.
    if (finding.kind === 'refused') redis.unlink(this.names.nodeKey(endpoint)).catch(() => undefined);
    return finding;
  }

  async #readLast(redis: Redis, endpoint: EndpointId, reader: Reader): Promise<SharedFinding> {
    try {
      const [bytes, score] = await redis.zrangeBuffer(this.names.nodeKey(endpoint), '0', '0', 'REV', 'WITHSCORES');
      if (bytes === undefined || score === undefined) return { kind: 'nothing' };
      return readMember(bytes, Number(score.toString('latin1')), endpoint, reader);
    } catch (error) {
      if (isErrorReply(error) && error.message.startsWith('WRONGTYPE'))
        return { kind: 'refused', refusal: 'malformed' };
      throw error;
    }
  }
}
