// Things in the order in which they came, any of which may leave at any time.
//
// It is what a Set is too. But where thousands a second come and go, a Set makes a new table every few of them, and V8 keeps in
// each old table the way to the next one, for iterators. Once one of those tables has got old, it holds all later ones, with
// all that was ever in them, until the next full collection; until then every minor one copies them, for ten milliseconds and
// more at a time. What has left this list holds nothing and is held by nothing.

/** Where something stands in a list. It is of no more use once that has left. */
export interface Standing<T> {
  readonly item: T;
  before: Standing<T> | undefined;
  after: Standing<T> | undefined;
  stands: boolean;
}

export class ArrivalList<T> {
  #first: Standing<T> | undefined;
  #last: Standing<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Who came first, of those that are here. */
  get first(): T | undefined {
    return this.#first?.item;
  }

  get firstStanding(): Standing<T> | undefined {
    return this.#first;
  }

  /** In the order of their arrival, as they are at the moment. */
  toArray(): T[] {
    const items: T[] = [];
    for (let at = this.#first; at !== undefined; at = at.after) items.push(at.item);
    return items;
  }

  add(item: T): Standing<T> {
    const standing: Standing<T> = { item, before: this.#last, after: undefined, stands: true };
    if (this.#last === undefined) this.#first = standing;
    else this.#last.after = standing;
    this.#last = standing;
    this.#size += 1;
    return standing;
  }

  /** Of something that was added to this list. False: it has left before. */
  remove(standing: Standing<T>): boolean {
    if (!standing.stands) return false;
    const { before, after } = standing;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    standing.stands = false;
    standing.before = undefined;
    standing.after = undefined;
    this.#size -= 1;
    return true;
  }
}
