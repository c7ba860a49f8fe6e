// Every number of the pool, with its default and its reason.

export interface PoolSettings {
  /** Connections of one endpoint that are open, being opened or being reset, together. A default Postgres has room for 97. */
  readonly maxPerEndpoint: number;
  /** The same over all endpoints: a bound for sockets and memory. */
  readonly maxOpen: number;
  /** Requests that wait for a connection of one endpoint; the next one is refused at once. */
  readonly maxWaitingPerEndpoint: number;
  readonly waitLimitMs: number;
  /** Counted from a connection's return. */
  readonly idleTimeoutMs: number;
  /** Idle for longer, a connection is asked whether it still answers before a request is risked on it. */
  readonly checkAfterIdleMs: number;
  readonly checkLimitMs: number;
  /** Counted from the end of the request. */
  readonly resetLimitMs: number;
  /**
   * Bounds for what no reset takes back (variables of a language's interpreter, a role's VALID UNTIL): so old, or after so
   * many requests, a connection is not used again.
   */
  readonly maxAgeMs: number;
  readonly maxUses: number;
  /** How often idle times and reset limits are looked at. */
  readonly sweepIntervalMs: number;
}

export const defaultPoolSettings: PoolSettings = {
  maxPerEndpoint: 20,
  maxOpen: 2_000,
  maxWaitingPerEndpoint: 1_000,
  waitLimitMs: 5_000,
  idleTimeoutMs: 60_000,
  checkAfterIdleMs: 1_000,
  checkLimitMs: 1_000,
  resetLimitMs: 5_000,
  maxAgeMs: 300_000,
  maxUses: 10_000,
  sweepIntervalMs: 1_000,
};

/** The defaults with the given values over them. Throws RangeError for a value that no pool could work with. */
export function completeSettings(given: Partial<PoolSettings>): PoolSettings {
  const settings = { ...defaultPoolSettings, ...given };
  for (const [name, value] of Object.entries(settings)) {
    const least = name === 'maxWaitingPerEndpoint' || name === 'checkAfterIdleMs' ? 0 : 1;
    if (!Number.isSafeInteger(value) || value < least) throw new RangeError(`${name}: ${value}`);
  }
  return settings;
}
