// How often something may happen, by key: each key has a bucket that holds `burst` tokens at most and is refilled by time.
// Bounded: a full bucket is not kept, and when there are too many others, the one taken from longest ago is forgotten,
// which is the one nearest to being full.

export interface TokenBucketSettings {
  readonly burst: number;
  readonly perSecond: number;
  /** How many keys are remembered at most. */
  readonly maxKeys: number;
  readonly clock: MonotonicClock;
}

export interface MonotonicClock {
  /** Milliseconds since an arbitrary start; never goes back. */
  now(): number;
}

export class TokenBuckets {
  /** Per key when its bucket is full again; in the order in which tokens were taken. */
  readonly #fullAtMs = new Map<string, number>();

  /** Throws RangeError for bounds that let nothing happen. */
  constructor(private readonly settings: TokenBucketSettings) {
    const { burst, perSecond, maxKeys } = settings;
    if (!(burst >= 1 && perSecond > 0 && maxKeys >= 1)) throw new RangeError('buckets that never hold a token');
  }

  get size(): number {
    return this.#fullAtMs.size;
  }

  /** How long until there is a token, in milliseconds; 0: there is one. */
  waitMs(key: string): number {
    // Mostly nobody has failed, and then the key, made up for this, need not be hashed.
    const fullAtMs = this.#fullAtMs.size === 0 ? undefined : this.#fullAtMs.get(key);
    if (fullAtMs === undefined) return 0;
    const { burst, perSecond, clock } = this.settings;
    const fullInMs = Math.max(0, fullAtMs - clock.now());
    // Rounding must not make somebody wait who has just waited long enough.
    return Math.max(0, Math.ceil(fullInMs - ((burst - 1) * 1_000) / perSecond - 1e-6));
  }

  /** Takes a token. False: there is none. */
  take(key: string): boolean {
    if (this.waitMs(key) > 0) return false;
    const { perSecond, maxKeys, clock } = this.settings;
    const nowMs = clock.now();
    const fullAtMs = Math.max(nowMs, this.#fullAtMs.get(key) ?? 0) + 1_000 / perSecond;
    this.#fullAtMs.delete(key);
    this.#fullAtMs.set(key, fullAtMs);
    for (const [oldest, oldestFullAtMs] of this.#fullAtMs) {
      if (oldestFullAtMs > nowMs && this.#fullAtMs.size <= maxKeys) break;
      this.#fullAtMs.delete(oldest);
    }
    return true;
  }
}
