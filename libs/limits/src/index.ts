export {
  ClientLimits,
  type ClientLimitsDeps,
  type ClientLimitsSettings,
  type Entry,
  type Limit,
  type Visit,
} from './client-limits.js';
export { Lateness } from './lateness.js';
export { type MonotonicClock, type TokenBucketSettings, TokenBuckets } from './token-buckets.js';
