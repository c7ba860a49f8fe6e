import type { Refusal } from './shared-entry.js';

/** `evicted`: there is word that what was known is outdated. `unavailable`: Redis did not answer, or was not asked. */
export type ReadOutcome = 'hit' | 'miss' | 'evicted' | 'unavailable' | Refusal;

/** `unsigned`: wake-service has no key, so it was not shared. */
export type WriteOutcome = 'stored' | 'evicted' | 'failed' | 'unsigned';

/** `ignored`: a message that is no eviction. */
export type MessageOutcome = 'eviction' | 'ignored';

/** Told whether Redis can be reached, for the log. */
export interface RedisObserver {
  /** Redis is not asked for the time being. */
  onUnavailable(reason: string): void;
  onAvailable(): void;
}

/** Told what happens in the cache as well, for metrics. */
export interface NodeCacheObserver extends RedisObserver {
  onRead(tier: 'memory' | 'shared', outcome: ReadOutcome): void;
  onWrite(outcome: WriteOutcome): void;
  onMessage(outcome: MessageOutcome): void;
}
