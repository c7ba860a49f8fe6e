// Asks Redis, and never waits longer than the limit for an answer; when there are none, not at all.

import type { Clock, Random } from '@pgwake/connect-core';
import type { Redis } from 'ioredis';
import { CircuitBreaker } from './circuit-breaker.js';
import type { RedisObserver } from './node-cache-observer.js';
import { type RedisAddress, openRedis } from './redis-connection.js';

/** `refused`: an error reply. `silent`: no answer in time, no connection, or not asked. */
export type Answer<T> =
  | { readonly kind: 'answered'; readonly value: T }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'silent' };

export interface RedisLinkSettings {
  readonly address: RedisAddress;
  readonly callTimeoutMs: number;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly observer: RedisObserver;
}

const failuresInARow = 5;
const restMs = 1_000;

export class RedisLink {
  readonly #redis: Redis;
  readonly #breaker: CircuitBreaker;
  readonly #callTimeoutMs: number;
  #lastError = '';

  constructor({ address, callTimeoutMs, clock, random, observer }: RedisLinkSettings) {
    this.#callTimeoutMs = callTimeoutMs;
    this.#redis = openRedis(address, random, (error) => (this.#lastError = error.message));
    const onChange = (failure: unknown): void => {
      if (failure === undefined) observer.onAvailable();
      else observer.onUnavailable(this.#lastError || String(failure));
    };
    this.#breaker = new CircuitBreaker({ failuresInARow, restMs, clock, random, onChange });
  }

  /** Resolves within the limit. What `work` still does afterwards, it does unheard. */
  async ask<T>(work: (redis: Redis) => Promise<T>): Promise<Answer<T>> {
    if (!this.#breaker.admit()) return { kind: 'silent' };
    try {
      const value = await within(this.#callTimeoutMs, work(this.#redis));
      this.#breaker.succeeded();
      this.#lastError = '';
      return { kind: 'answered', value };
    } catch (error) {
      if (isErrorReply(error)) {
        // Redis speaks, so it costs no waiting: nothing for the breaker.
        this.#breaker.succeeded();
        return { kind: 'refused', reason: error.message };
      }
      this.#breaker.failed(error);
      return { kind: 'silent' };
    }
  }

  close(): void {
    this.#redis.disconnect();
  }
}

export function isErrorReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
