// Many askers, one read at a time. Whoever asks gets the answer of a read that began after the question, so a change that
// was committed before it is seen; questions that arrive during a read are answered together by the next one.

interface Batch<Key, Value> {
  readonly keys: Set<Key>;
  readonly answer: Promise<ReadonlyMap<Key, Value>>;
}

export class NextRead<Key, Value> {
  #underWay: Promise<unknown> = Promise.resolve();
  #next: Batch<Key, Value> | undefined;

  constructor(private readonly read: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>) {}

  /** Rejects when the read does. */
  async ask(key: Key): Promise<Value | undefined> {
    this.#next ??= this.#schedule();
    this.#next.keys.add(key);
    return (await this.#next.answer).get(key);
  }

  #schedule(): Batch<Key, Value> {
    const keys = new Set<Key>();
    const answer = this.#underWay.then(() => {
      this.#next = undefined;
      return this.read([...keys]);
    });
    this.#underWay = answer.catch(() => undefined);
    return { keys, answer };
  }
}
