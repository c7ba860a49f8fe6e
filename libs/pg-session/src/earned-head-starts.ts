// Who may have a compute dialled ahead of the proof: only who has earned it. Each login that reached its compute earns its source,
// endpoint and role one head start, at that compute, for a minute. A login that begins spends one, and a wrong password loses
// them all. So who proves nothing makes computes fork no more often than its source has logged in for real.

import type { EndpointId, Generation, RoleName } from '@pgwake/ids';

/** Who logs in where, and from where. */
export interface LoginName {
  /** IP address. */
  readonly source: string;
  readonly endpoint: EndpointId;
  readonly role: RoleName;
}

interface Earned {
  generation: Generation;
  count: number;
  untilMs: number;
}

export const maxNames = 10_000;
/** After the last login that reached its compute. */
export const keptMs = 60_000;
/** More than log in at once would only be there for others to waste. */
export const maxSaved = 32;

export class EarnedHeadStarts {
  // In order of insertion: beyond `maxNames` the oldest goes, which costs its clients no more than their head start.
  readonly #earned = new Map<string, Earned>();

  /** `now`: milliseconds, monotonic. */
  constructor(private readonly now: () => number) {}

  /** The compute at which the head start was earned; `undefined`: there is none. */
  spend(name: LoginName): Generation | undefined {
    const earned = this.#earned.get(keyOf(name));
    if (earned === undefined || earned.count === 0 || this.now() >= earned.untilMs) return undefined;
    earned.count -= 1;
    return earned.generation;
  }

  earn(name: LoginName, generation: Generation): void {
    const key = keyOf(name);
    const untilMs = this.now() + keptMs;
    const earned = this.#earned.get(key);
    if (earned === undefined) return this.#add(key, { generation, count: 1, untilMs });
    const isOutdated = this.now() >= earned.untilMs || earned.generation !== generation;
    earned.count = isOutdated ? 1 : Math.min(maxSaved, earned.count + 1);
    earned.generation = generation;
    earned.untilMs = untilMs;
  }

  lose(name: LoginName): void {
    this.#earned.delete(keyOf(name));
  }

  #add(key: string, earned: Earned): void {
    this.#earned.set(key, earned);
    if (this.#earned.size <= maxNames) return;
    const [oldest = key] = this.#earned.keys();
    this.#earned.delete(oldest);
  }
}

/** NUL is in none of the names, so no two logins have the same key. */
function keyOf({ source, endpoint, role }: LoginName): string {
  return `${source}\0${endpoint}\0${role}`;
}
