// What is needed again at once, or not at all: everything is let go within a second. It may hold passwords, which would be garbage in
// this process for as long if nobody had held them (docs/adr/0008-passwords-of-requests.md).

const secondMs = 1_000;
const maxKept = 10_000;

export class BriefMemory<K, V> {
  readonly #mostMs: number;
  #kept = new Map<K, V>();
  #timer: NodeJS.Timeout | undefined;

  /** `mostMs`: something is kept for no longer, and often for less. */
  constructor(mostMs = secondMs) {
    this.#mostMs = mostMs;
  }

  get(key: K): V | undefined {
    return this.#kept.get(key);
  }

  keep(key: K, value: V): void {
    if (this.#kept.size >= maxKept && !this.#kept.has(key)) this.#kept = new Map();
    this.#kept.set(key, value);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // Not emptied: V8 would keep what was in it (docs/architecture/sql-request.md).
      this.#kept = new Map();
    }, this.#mostMs).unref();
  }
}
