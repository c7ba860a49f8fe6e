// What is needed again at once, or not at all: everything is forgotten within a second. It may hold passwords; garbage that
// nobody holds any more stays in a process for as long.

const keptMs = 1_000;
const maxKept = 10_000;

export class BriefMemory<K, V> {
  readonly #kept = new Map<K, V>();
  #timer: NodeJS.Timeout | undefined;

  get(key: K): V | undefined {
    return this.#kept.get(key);
  }

  keep(key: K, value: V): void {
    if (this.#kept.size >= maxKept) this.#kept.clear();
    this.#kept.set(key, value);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#kept.clear();
    }, keptMs).unref();
  }
}
