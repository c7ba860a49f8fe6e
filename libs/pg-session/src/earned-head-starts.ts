// Who may have a compute dialled ahead of the proof: only who has earned it. Each login that reached its compute earns its source,
// endpoint and role one head start, at that compute, for a minute. A login that begins spends one, and a wrong password loses
// them all. So who proves nothing makes computes fork no more often than its source has logged in for real.
//
// It keeps the keys of those logins for that minute, or a second one when nobody logs in any more: they are as good as the
// password.

import type { ScramKeys } from '@pgwake/client-auth';
import type { EndpointId, Generation, RoleName } from '@pgwake/ids';

/** Who logs in where, and from where. */
export interface LoginName {
  /** IP address. */
  readonly source: string;
  readonly endpoint: EndpointId;
  readonly role: RoleName;
}

/** The compute at which it was earned, and what let the login in there. */
export interface Earned {
  readonly generation: Generation;
  /** `undefined` where they are not remembered. */
  readonly keys: ScramKeys | undefined;
}

interface Savings {
  readonly earned: Earned;
  readonly untilMs: number;
  count: number;
}

export const maxNames = 10_000;
/** After the last login that reached its compute. */
export const keptMs = 60_000;
/** More than log in at once would only be there for others to waste. */
export const maxSaved = 32;

export class EarnedHeadStarts {
  // By the time of their last login, the oldest first. Beyond `maxNames` that one goes, which costs no more than a head start.
  readonly #savings = new Map<string, Savings>();
  #timer: NodeJS.Timeout | undefined;

  /** `now`: milliseconds, monotonic. */
  constructor(private readonly now: () => number) {}

  get size(): number {
    return this.#savings.size;
  }

  /** `undefined`: there is none. */
  spend(name: LoginName): Earned | undefined {
    this.#forgetOld();
    const savings = this.#savings.get(keyOf(name));
    if (savings === undefined || savings.count === 0) return undefined;
    savings.count -= 1;
    return savings.earned;
  }

  earn(name: LoginName, earned: Earned): void {
    this.#forgetOld();
    const key = keyOf(name);
    const saved = this.#savings.get(key);
    const savedThere = saved?.earned.generation === earned.generation ? saved.count : 0;
    this.#savings.delete(key);
    this.#savings.set(key, { earned, count: Math.min(maxSaved, savedThere + 1), untilMs: this.now() + keptMs });
    if (this.#savings.size > maxNames) this.#forgetOldest();
    this.#timer ??= setTimeout(() => this.#onTimer(), keptMs).unref();
  }

  lose(name: LoginName): void {
    this.#savings.delete(keyOf(name));
  }

  #onTimer(): void {
    this.#timer = undefined;
    this.#forgetOld();
    if (this.#savings.size > 0) this.#timer = setTimeout(() => this.#onTimer(), keptMs).unref();
  }

  #forgetOld(): void {
    const nowMs = this.now();
    for (const [key, { untilMs }] of this.#savings) {
      if (nowMs < untilMs) return;
      this.#savings.delete(key);
    }
  }

  #forgetOldest(): void {
    for (const key of this.#savings.keys()) {
      this.#savings.delete(key);
      return;
    }
  }
}

/** NUL is in none of the names, so no two logins have the same key. */
function keyOf({ source, endpoint, role }: LoginName): string {
  return `${source}\0${endpoint}\0${role}`;
}
