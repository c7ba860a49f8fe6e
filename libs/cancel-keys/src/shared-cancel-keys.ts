// The cancel keys that proxies share through Redis: an entry per session, written again and again while it lives and
// removed when it ends. A hint like everything in Redis: without it a cancel request works at the proxy of its session
// only. Nothing here is waited for longer than a call to Redis may take.

import type { Random } from '@pgwake/connect-core';
import { type NodeKeys, type RedisLink, mayBeOver } from '@pgwake/node-cache';
import type { BackendKey } from '@pgwake/pg-wire';
import type { CancelTarget } from './cancel-target.js';
import { type SealedName, deriveName, openTarget, sealTarget } from './sealed-target.js';

export interface SharedCancelKeysSettings {
  readonly link: RedisLink;
  /** Before the names of all entries. */
  readonly prefix: string;
  /** The first one seals, all are tried. */
  readonly nodeKeys: NodeKeys;
  /**
   * How long an entry lives after it was written; that of evictions. A suspend is on record for as long, so no entry that
   * was written before it outlives it.
   */
  readonly maxAgeMs: number;
}

export interface SharedCancelKeysDeps {
  readonly random: Random;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly wallClock: () => number;
}

/** An honest entry with the longest names and the longest list of networks has some 4,000 bytes. */
const longestEntry = 8_192;
/** How far the clock of the proxy that wrote an entry may be ahead of the reader's. */
const clockSkewMs = 10_000;
const retryAfterMs = 10_000;

export class SharedCancelKeys {
  /** By name, the next time its entry is written. */
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(
    private readonly settings: SharedCancelKeysSettings,
    private readonly deps: SharedCancelKeysDeps,
  ) {}

  /** Sessions whose entries are kept. */
  get size(): number {
    return this.#timers.size;
  }

  /** Writes the entry now and until {@link forget}. Nobody waits for it. */
  keep(key: BackendKey, target: CancelTarget): void {
    const sealed = this.#writingName(key);
    if (sealed !== undefined) this.#schedule(sealed, target, 0);
  }

  /** Of the session of another proxy. `undefined`: there is none, or Redis does not say. */
  async find(key: BackendKey): Promise<CancelTarget | undefined> {
    const { link, prefix, nodeKeys } = this.settings;
    const names = [...nodeKeys.values()].map((nodeKey) => deriveName(key, nodeKey));
    const answer = await link.ask((redis) =>
      // No more of a value than an honest one has: whoever can write to Redis could have us read anything else.
      Promise.all(names.map(({ name }) => redis.getrangeBuffer(this.#entryKey(name), 0, longestEntry))),
    );
    if (answer.kind !== 'answered') return undefined;
    const nowMs = this.deps.wallClock() - clockSkewMs;
    for (const [at, bytes] of answer.value.entries()) {
      const sealed = names[at];
      const target = sealed && openTarget(bytes, nowMs, sealed);
      // The address may be somebody else's by now, and a cancel request cannot ask for proof.
      if (target && !(await mayBeOver(link, prefix, target))) return target;
    }
    return undefined;
  }

  forget(key: BackendKey): void {
    const sealed = this.#writingName(key);
    if (sealed === undefined) return;
    clearTimeout(this.#timers.get(sealed.name));
    if (!this.#timers.delete(sealed.name)) return;
    // What is not deleted now ends by itself; until then it names a session of which the compute knows nothing.
    void this.settings.link.ask((redis) => redis.unlink(this.#entryKey(sealed.name)));
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.settings.link.close();
  }

  #schedule(sealed: SealedName, target: CancelTarget, delayMs: number): void {
    const timer = setTimeout(() => void this.#write(sealed, target), delayMs);
    timer.unref();
    this.#timers.set(sealed.name, timer);
  }

  async #write(sealed: SealedName, target: CancelTarget): Promise<void> {
    const { link, maxAgeMs } = this.settings;
    const { random, wallClock } = this.deps;
    const entry = sealTarget(target, wallClock() + maxAgeMs, sealed);
    const timer = this.#timers.get(sealed.name);
    const answer = await link.ask((redis) => redis.set(this.#entryKey(sealed.name), entry, 'PX', maxAgeMs));
    // Forgotten meanwhile: Redis hears the deletion after the write.
    if (this.#timers.get(sealed.name) !== timer) return;
    const nextMs = answer.kind === 'answered' ? maxAgeMs / 2 : retryAfterMs;
    // Spread, otherwise a crowd that came together would write together for ever.
    this.#schedule(sealed, target, (nextMs * (1 + random())) / 2);
  }

  #writingName(key: BackendKey): SealedName | undefined {
    for (const nodeKey of this.settings.nodeKeys.values()) return deriveName(key, nodeKey);
    return undefined;
  }

  #entryKey(name: string): string {
    return `${this.settings.prefix}cancel:${name}`;
  }
}
