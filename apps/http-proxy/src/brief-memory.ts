// What is needed again at once, or not at all: everything is let go within a second. It may hold passwords, which would be
// garbage in this process for as long if nobody had held them.

const keptMs = 1_000;
const maxKept = 10_000;

export class BriefMemory<K, V> {
  #kept = new Map<K, V>();
  #timer: NodeJS.Timeout | undefined;

  get(key: K): V | undefined {
    return this.#kept.get(key);
  }

  keep(key: K, value: V): void {
    if (this.#kept.size >= maxKept) this.#kept = new Map();
    this.#kept.set(key, value);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // Not emptied: V8 would keep what was in it (docs/architecture/sql-request.md).
      this.#kept = new Map();
    }, keptMs).unref();
  }
}
