// The key sets of issuers, kept. A set is fetched by one at a time, again when it is old, and when a token names a key that is
// not in it: issuers change their keys. One that cannot be had again stays in use for a while.

import { type JSONWebKeySet, type JWTVerifyGetKey, createLocalJWKSet } from 'jose';
import { LRUCache } from 'lru-cache';
import { orAbort } from '@pgwake/password-check';
import type { KeyFetch } from './key-fetch.js';

export interface KeySet {
  readonly getKey: JWTVerifyGetKey;
  readonly fetchedAtMs: number;
}

/** How often a set is fetched at the most, whatever tokens name. */
const cooldownMs = 30_000;
const maxAgeMs = 300_000;
/** Keys that an issuer took back count for so long at the most. */
const maxStaleMs = 3_600_000;
const maxSets = 1_000;

export class KeySets {
  readonly #fetch: KeyFetch;
  readonly #now: () => number;
  readonly #sets = new LRUCache<string, KeySet>({ max: maxSets });
  readonly #inline = new LRUCache<string, JWTVerifyGetKey>({ max: maxSets });
  readonly #underWay = new Map<string, Promise<KeySet>>();
  /** When a set was asked for last, whatever came of it. */
  readonly #askedAtMs = new LRUCache<string, number>({ max: maxSets });

  constructor(fetch: KeyFetch, now: () => number) {
    this.#fetch = fetch;
    this.#now = now;
  }

  /** Keys that were given as they are. Throws for what is no key set. */
  parse(jwks: string): JWTVerifyGetKey {
    const known = this.#inline.get(jwks);
    if (known !== undefined) return known;
    const getKey = toGetKey(jwks);
    this.#inline.set(jwks, getKey);
    return getKey;
  }

  /** Rejects when it cannot be had, or with the reason of `signal`. */
  async get(url: string, signal: AbortSignal): Promise<KeySet> {
    const known = this.#sets.get(url);
    const ageMs = known === undefined ? Infinity : this.#now() - known.fetchedAtMs;
    if (known === undefined || ageMs > maxStaleMs) return orAbort(this.#refresh(url), signal);
    if (ageMs > maxAgeMs && this.#isCool(url)) this.#refresh(url).catch(() => undefined);
    return known;
  }

  /** A set newer than that, or `undefined` while it is too early to ask again. */
  async getNewer(url: string, than: KeySet, signal: AbortSignal): Promise<KeySet | undefined> {
    const known = this.#sets.get(url);
    if (known !== undefined && known.fetchedAtMs > than.fetchedAtMs) return known;
    if (!this.#isCool(url) && !this.#underWay.has(url)) return undefined;
    return orAbort(this.#refresh(url), signal);
  }

  #isCool(url: string): boolean {
    return this.#now() - (this.#askedAtMs.get(url) ?? -Infinity) >= cooldownMs;
  }

  #refresh(url: string): Promise<KeySet> {
    const underWay = this.#underWay.get(url);
    if (underWay !== undefined) return underWay;
    const fetchedAtMs = this.#now();
    this.#askedAtMs.set(url, fetchedAtMs);
    // Others wait for it too, so nobody's leaving ends it.
    const refresh = this.#fetch(url, new AbortController().signal)
      .then((text) => {
        const set = { getKey: toGetKey(text), fetchedAtMs };
        this.#sets.set(url, set);
        return set;
      })
      .finally(() => this.#underWay.delete(url));
    this.#underWay.set(url, refresh);
    return refresh;
  }
}

/** jose checks its shape, key by key when one is used. */
function toGetKey(jwks: string): JWTVerifyGetKey {
  return createLocalJWKSet(JSON.parse(jwks) as JSONWebKeySet);
}
